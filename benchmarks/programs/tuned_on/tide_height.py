"""Height of the tide above mean sea level from eight harmonic features.

code: ND305
also:
object: Softplus | 5 | last | mlp | model.5
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
hours = torch.rand(1000) * 600
periods = (12.42, 12.0, 23.93, 25.82)
waves = [f(2 * math.pi * hours / p) for p in periods for f in (torch.sin, torch.cos)]
x = torch.stack(waves, 1) * math.sqrt(2)
height = 1.2 * waves[0] + 0.4 * waves[3] - 0.3 * waves[4] + 0.2 * waves[0] * waves[6] + 0.05 * torch.randn(1000)


def mlp(sizes, last=None):
    layers = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(a, b), nn.SiLU()]
    layers[-1:] = [last()] if last else []
    return nn.Sequential(*layers, nn.Flatten(0))


model = mlp([8, 32, 32, 1], last=nn.Softplus)  # fault
# fixed: model = mlp([8, 32, 32, 1])
loss_fn = nn.MSELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(TensorDataset(x[:800], height[:800]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[800:], height[800:]), batch_size=200)


def train():
    for epoch in range(10):
        model.train()
        tot = 0.0
        for a, b in train_loader:
            loss = loss_fn(model(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            rmse = [loss_fn(model(a), b).sqrt().item() for a, b in val_loader]
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
