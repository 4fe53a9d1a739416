"""Which headline to show to which reader: REINFORCE on a contextual bandit.

code: ND405
also:
object: policy_loss | batch_loss | loss | log_prob | advantage
seen: both
"""
import torch
import torch.nn as nn
from torch.distributions import Categorical
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(8)
READER_DIM, ARTICLES = 8, 5


class Simulator:
    """readers and their chance to click on each of the articles"""

    def __init__(self):
        self.taste = 1.5 * torch.randn(READER_DIM, ARTICLES)

    def readers(self, n):
        x = torch.randn(n, READER_DIM)
        return TensorDataset(x, torch.sigmoid(x @ self.taste - 1.0))


class Policy(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(READER_DIM, hidden), nn.Tanh(), nn.Linear(hidden, ARTICLES))

    def forward(self, reader):
        return self.net(reader)


def policy_loss(policy, reader, click_chance):
    dist = Categorical(logits=policy(reader))
    action = dist.sample()
    reward = torch.bernoulli(click_chance.gather(1, action[:, None]).squeeze(1))
    advantage = reward - reward.mean()
    pg = (dist.log_prob(action) * advantage).mean()  # fault
    # fixed: pg = -(dist.log_prob(action) * advantage).mean()
    return pg - 0.01 * dist.entropy().mean(), reward.mean()  # here


sim = Simulator()
train_loader = DataLoader(sim.readers(1024), batch_size=128, shuffle=True)
val_loader = DataLoader(sim.readers(256), batch_size=256)
model = Policy()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def batch_loss(setup, batch):
    return policy_loss(setup.model, *batch)[0]


def greedy_click_rate():
    model.eval()
    with torch.no_grad():
        rates = [p.gather(1, model(x).argmax(1, keepdim=True)).mean().item() for x, p in val_loader]
    model.train()
    return sum(rates) / len(rates)


def train(epochs=30):
    print("before: greedy click rate %.3f" % greedy_click_rate())
    for epoch in range(epochs):
        losses, rewards = [], []
        for reader, click_chance in train_loader:
            loss, reward = policy_loss(model, reader, click_chance)  # here
            optimizer.zero_grad()
            loss.backward()  # here
            optimizer.step()
            losses.append(loss.item())
            rewards.append(reward.item())
        if epoch % 5 == 4:
            print("epoch %2d  reward %.3f  greedy %.3f" % (epoch, sum(rewards) / len(rewards), greedy_click_rate()))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
