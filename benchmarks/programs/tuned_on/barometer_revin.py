"""Next-hour tendency of the barometer at many stations; each window is normalised by its own mean and spread.

code: ND311
also: ND310
object: var | norm | InstanceNorm | RevIN | window
seen: checkup
"""
import math
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(80)
HOURS = 24


def stations(n):
    height = torch.randn(n, 1)                       # global units: one standard deviation between stations
    t = torch.arange(HOURS + 1) / HOURS
    phase = 2 * math.pi * torch.rand(n, 1)
    speed = 1 + torch.rand(n, 1)
    swing = 1e-4 * (0.5 + torch.rand(n, 1))
    tide = torch.sin(2 * math.pi * speed * t + phase) + 0.05 * torch.randn(n, HOURS + 1)
    spread = tide[:, :-1].std(1, keepdim=True)
    target = (tide[:, -1:] - tide[:, :-1].mean(1, keepdim=True)) / spread
    return height + swing * tide, target


class WindowNorm(nn.Module):
    def forward(self, x):
        mean = x.mean(1, keepdim=True)
        var = (x * x).mean(1, keepdim=True) - mean * mean  # fault
        # fixed: var = (x - mean).pow(2).mean(1, keepdim=True)
        return (x - mean) / torch.sqrt(var.clamp(min=0) + 1e-12)  # here


class Tendency(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = WindowNorm()  # here
        self.mlp = nn.Sequential(nn.Linear(HOURS, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.mlp(self.norm(x))  # here


series, target = stations(1000)
train_loader = DataLoader(TensorDataset(series[:800, :-1], target[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(series[800:, :-1], target[800:]), batch_size=100)
model = Tendency()
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(12):
        model.train()
        out = []
        for w, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(w), y)
            loss.backward()
            optimizer.step()
            out.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(w), y).item() for w, y in val_loader) / len(val_loader)
        print(f"{epoch:2d} {sum(out) / len(out):.4f} {val:.4f}")
    return sum(out) / len(out)


if __name__ == "__main__":
    print(train())
