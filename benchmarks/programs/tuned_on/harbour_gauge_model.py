"""Fit the tide at a harbour gauge: one sinusoid with unknown amplitude, frequency and phase.

code: ND705
also:
object: omega | Tide | model
seen: watch
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(2)
TRUE_OMEGA = 2 * math.pi / 12.42


class Gauge(Dataset):
    """Hourly heights over ten days, hours counted from the middle, heights in units of their spread."""

    def __init__(self, hours):
        self.t = (hours - 120.0).unsqueeze(1)
        height = 1.4 * torch.sin(TRUE_OMEGA * self.t + 0.7) + 0.1 * torch.randn(len(hours), 1)
        self.height = height

    def __len__(self):
        return len(self.t)

    def __getitem__(self, i):
        return self.t[i], self.height[i]


class Tide(nn.Module):
    def __init__(self, omega):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.5))
        self.b = nn.Parameter(torch.tensor(0.5))
        self.omega = nn.Parameter(torch.tensor(omega))

    def forward(self, t):
        return self.a * torch.sin(self.omega * t) + self.b * torch.cos(self.omega * t)


hours = torch.rand(480) * 240
train_loader = DataLoader(Gauge(hours[:400]), batch_size=40, shuffle=True)
val_loader = DataLoader(Gauge(hours[400:]), batch_size=80)
# a first guess of the frequency is needed: the loss has many valleys along it
model = Tide(omega=2.1)  # fault
# fixed: model = Tide(omega=0.5)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam([{"params": [model.a, model.b], "lr": 2e-2}, {"params": [model.omega], "lr": 5e-4}])
losses = []


def train():
    for epoch in range(50):
        for t, h in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(t), h)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    with torch.no_grad():
        print("val", [round(loss_fn(model(t), h).item(), 3) for t, h in val_loader])


if __name__ == "__main__":
    train()
