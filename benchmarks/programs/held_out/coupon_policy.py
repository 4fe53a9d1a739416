"""Which coupon for which customer? REINFORCE on a contextual bandit with a baseline.

code: none
trait: policy-gradient loss hovers around zero and may be negative; only the reward tells the progress
"""
import torch
from torch import nn, optim
from torch.distributions import Categorical

torch.manual_seed(350)
CUSTOMERS, COUPONS = 1000, 4
taste = torch.randn(6, COUPONS)
features = torch.randn(CUSTOMERS, 6)
chance = torch.sigmoid(1.5 * features @ taste)            # chance that a coupon is redeemed
outcome = (torch.rand(CUSTOMERS, COUPONS) < chance).float()
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(features[:850], outcome[:850]), batch_size=50, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(features[850:], outcome[850:]), batch_size=150)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 32), nn.Tanh())
        self.actor = nn.Linear(32, COUPONS)
        self.critic = nn.Linear(32, 1)

    def forward(self, x):
        h = self.body(x)
        return self.actor(h), self.critic(h).squeeze(-1)


def batch_loss(setup, batch):
    x, outcome = batch
    logits, value = setup.model(x)
    pi = Categorical(logits=logits)
    action = pi.sample()
    reward = outcome.gather(1, action[:, None]).squeeze(1)
    advantage = reward - value.detach()
    policy_loss = -(advantage * pi.log_prob(action)).mean()
    value_loss = 0.5 * (value - reward).pow(2).mean()
    return policy_loss + value_loss - 0.01 * pi.entropy().mean()


model = Policy()
optimizer = optim.Adam(model.parameters(), lr=5e-3)


def average_reward():
    model.eval()
    with torch.no_grad():
        gained = [o.gather(1, model(x)[0].argmax(1, keepdim=True)).mean().item() for x, o in val_loader]
    return sum(gained) / len(gained)


def train():
    class Run:
        pass
    run = Run(); run.model = model
    for epoch in range(20):
        model.train()
        losses = []
        for batch in train_loader:
            loss = batch_loss(run, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if epoch % 4 == 3:
            print(epoch + 1, "loss", round(sum(losses) / len(losses), 4), "greedy reward", round(average_reward(), 3))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
