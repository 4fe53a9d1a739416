"""Storms per month: a net gives the rate of a Poisson and we fit its likelihood.

code: ND405
also:
object: batch_loss | log_prob | likelihood
seen: both
"""
import torch
import torch.nn as nn
from torch.distributions import Poisson
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(19)
n = 1500
sea = torch.randn(n)
shear = torch.randn(n)
season = torch.rand(n) * 2 - 1
rate = torch.exp(0.8 + 0.7 * sea - 0.5 * shear + 0.6 * torch.cos(3 * season))
storms = torch.poisson(rate)
x = torch.stack([sea, shear, season / 0.58], 1)
train_loader = DataLoader(TensorDataset(x[:1200], storms[:1200]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1200:], storms[1200:]), batch_size=150)


class RateNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, x):
        return nn.functional.softplus(self.net(x)).squeeze(1) + 1e-3


model = RateNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    x, k = batch
    return Poisson(model(x)).log_prob(k).mean()  # fault
    # fixed: return -Poisson(model(x)).log_prob(k).mean()


def train():
    for epoch in range(10):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        err = torch.cat([(model(a) - k).abs() for a, k in val_loader]).mean()
    print(f"loss {loss.item():.3f} mean abs error {err:.3f}")


if __name__ == "__main__":
    train()
