"""Thrust of small solid motors in newtons from nozzle geometry, propellant and chamber readings.

code: none
trait: targets are thousands of newtons, but the model's last layer un-scales with stored statistics and the loss is relative to their spread
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

g = torch.Generator().manual_seed(2)
N = 1500
throat = torch.empty(N).uniform_(8, 20, generator=g)          # mm
ratio = torch.empty(N).uniform_(4, 12, generator=g)
pressure = torch.empty(N).uniform_(3, 8, generator=g)         # MPa
propellant = torch.randint(0, 3, (N,), generator=g)
area = math.pi * (throat / 2) ** 2
coefficient = 1.2 + 0.18 * ratio.log() + 0.05 * propellant
thrust = coefficient * area * pressure + 30 * torch.randn(N, generator=g)

columns = torch.cat([torch.stack([throat, ratio, pressure], 1), nn.functional.one_hot(propellant, 3).float()], 1)
order = torch.randperm(N, generator=g)
fit, held = order[:1200], order[1200:]
columns = (columns - columns[fit].mean(0)) / columns[fit].std(0)


class Unscale(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, z):
        return z * self.std + self.mean


class RelativeMSE(nn.Module):
    def __init__(self, spread):
        super().__init__()
        self.register_buffer("spread", spread)

    def forward(self, newtons, truth):
        return ((newtons - truth) / self.spread).square().mean()


torch.manual_seed(0)
model = nn.Sequential(
    nn.Linear(6, 48), nn.Mish(), nn.Linear(48, 48), nn.Mish(), nn.Linear(48, 1),
    Unscale(thrust[fit].mean(), thrust[fit].std()))
loss_fn = RelativeMSE(thrust[fit].std())
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12, eta_min=1e-4)
train_loader = DataLoader(TensorDataset(columns[fit], thrust[fit, None]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(columns[held], thrust[held, None]), batch_size=150)


def train():
    for epoch in range(12):
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
    model.eval()
    with torch.no_grad():
        print("val", sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader))
    model.train()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
