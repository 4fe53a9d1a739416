"""REINFORCE on a contextual bandit: which of four banners to show to a visitor.

code: ND405
also:
object: batch_loss | objective | surrogate
seen: watch
"""
import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(13)
ARMS, CONTEXT = 4, 6
preference = torch.randn(CONTEXT, ARMS)


class Visitors(torch.utils.data.IterableDataset):
    """An endless stream is cut into rounds of 40 batches."""

    def __init__(self, batches=40, size=64):
        self.batches, self.size = batches, size

    def __iter__(self):
        for _ in range(self.batches):
            yield torch.randn(self.size, CONTEXT)


def reward(context, arm):
    p = torch.softmax(2 * context @ preference, -1).gather(1, arm[:, None]).squeeze(1)
    return (torch.rand_like(p) < p).float()


class BannerPolicy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(CONTEXT, 32), nn.Tanh(), nn.Linear(32, ARMS))

    def forward(self, context):
        return Categorical(logits=self.net(context))


model = BannerPolicy()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = torch.utils.data.DataLoader(Visitors(), batch_size=None)


def batch_loss(setup, context):
    pi = setup.model(context)
    arm = pi.sample()
    r = reward(context, arm)
    advantage = r - 0.25
    return (pi.log_prob(arm) * advantage).mean()  # fault
    # fixed: return -(pi.log_prob(arm) * advantage).mean()


def ctr(n=2000):
    with torch.no_grad():
        c = torch.randn(n, CONTEXT)
        return reward(c, model(c).sample()).mean().item()


def train(rounds=6):
    me = type("Me", (), dict(model=model))
    log = []
    for k in range(rounds):
        for context in train_loader:
            loss = batch_loss(me, context)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        print("round", k, "click rate", ctr())
    return sum(log[-20:]) / 20


if __name__ == "__main__":
    print(train())
