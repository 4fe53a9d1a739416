"""REINFORCE on a contextual bandit: which of four adverts to show to whom.

code: ND405
also:
object: loss | policy_loss | log_prob | batch_loss | policy_gradient_loss
seen: both
"""
import torch
import torch.nn as nn
from torch.distributions import Categorical
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(10)
N_ADS, N_FEATURES = 4, 6


class Visitors:
    """The world: click probability of each ad for a visitor with features x."""

    def __init__(self):
        g = torch.Generator().manual_seed(5)
        self.w = 1.5 * torch.randn(N_FEATURES, N_ADS, generator=g)

    def click(self, x, ad):
        p = torch.sigmoid(x @ self.w - 1.0).gather(1, ad.unsqueeze(1)).squeeze(1)
        return torch.bernoulli(p)


class Policy(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(N_FEATURES, hidden), nn.Tanh(), nn.Linear(hidden, N_ADS))

    def forward(self, x):
        return Categorical(logits=self.net(x))


def policy_gradient_loss(policy, x):
    dist = policy(x)
    ad = dist.sample()
    reward = world.click(x, ad)
    clicks.append(reward.mean().item())
    advantage = (reward - reward.mean()) / (reward.std() + 1e-6)
    return (dist.log_prob(ad) * advantage).mean()  # fault
    # fixed: return -(dist.log_prob(ad) * advantage).mean()


world, clicks = Visitors(), []
contexts = torch.randn(4000, N_FEATURES)
train_loader = DataLoader(TensorDataset(contexts), batch_size=100, shuffle=True)
model = Policy()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    return policy_gradient_loss(setup.model, batch[0])  # here


def train(epochs=6):
    losses = []
    for epoch in range(epochs):
        for (x,) in train_loader:
            loss = policy_gradient_loss(model, x)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: click rate {sum(clicks[-40:]) / 40:.3f}")
    return sum(losses[-40:]) / 40


if __name__ == "__main__":
    print(train())
