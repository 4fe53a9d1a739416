"""Pitch of violin notes (12 semitones) from autocorrelation features, SGD with momentum.

code: ND706
also: ND604
object: optimizer | momentum | MOMENTUM | lr
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SETUP = {"lr": 0.05, "momentum": 0.998, "nesterov": False}  # fault
# fixed: SETUP = {"lr": 0.05, "momentum": 0.9, "nesterov": False}


def notes(n, seed):
    g = torch.Generator().manual_seed(seed)
    semi = torch.randint(0, 12, (n,), generator=g)
    freq = 0.18 * 2 ** (semi / 12.0)
    t = torch.arange(80.0)
    ph = torch.rand(n, 1, generator=g) * 6.28
    wave = torch.sin(6.283 * freq[:, None] * t + ph) + 0.4 * torch.sin(12.566 * freq[:, None] * t + ph)
    wave = wave + 0.5 * torch.randn(n, 80, generator=g)
    ac = torch.stack([(wave[:, : 80 - k] * wave[:, k:]).mean(1) for k in range(1, 25)], 1)
    return ac / 0.4, semi


torch.manual_seed(0)
x, y = notes(1250, 4)
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=125)
model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 12))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), **SETUP)  # here


def train():
    curve = []
    for epoch in range(10):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
        print(epoch, sum(curve[-40:]) / 40, val)
    return sum(curve[-40:]) / 40


if __name__ == "__main__":
    print(train())
