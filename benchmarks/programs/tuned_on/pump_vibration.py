"""Autoencoder of pump vibration windows, for later novelty detection.

code: ND605
also: ND705, ND704
object: optimizer | lr
seen: both
"""
import argparse
import math
import torch
from torch import nn

ap = argparse.ArgumentParser()
ap.add_argument("--window", type=int, default=64)
ap.add_argument("--code", type=int, default=6)
ap.add_argument("--lr", type=float, default=1e-3)  # here
ap.add_argument("--epochs", type=int, default=15)
args = ap.parse_args([])

torch.manual_seed(6)
t = torch.arange(args.window) / args.window
phase, speed, load = torch.rand(1000, 1) * 2 * math.pi, 2 + torch.rand(1000, 1), torch.rand(1000, 1)
signal = torch.sin(2 * math.pi * speed * t + phase) + load * torch.sin(4 * math.pi * speed * t + 2 * phase) + 0.05 * torch.randn(1000, args.window)
signal = (signal - signal.mean()) / signal.std()
train_loader = torch.utils.data.DataLoader(signal[:800], batch_size=40, shuffle=True)
val_loader = torch.utils.data.DataLoader(signal[800:], batch_size=100)

model = nn.ModuleDict({
    "encoder": nn.Sequential(nn.Linear(args.window, 64), nn.ELU(), nn.Linear(64, args.code)),
    "decoder": nn.Sequential(nn.Linear(args.code, 64), nn.ELU(), nn.Linear(64, args.window)),
})


def batch_loss(setup, window):
    code = setup.model["encoder"](window)
    return nn.functional.mse_loss(setup.model["decoder"](code), window)


optimizer = torch.optim.Adadelta(model.parameters(), lr=args.lr)  # fault
# fixed: optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)


def train():
    setup = argparse.Namespace(model=model)
    for epoch in range(args.epochs):
        model.train()
        mean = 0.0
        for window in train_loader:
            loss = batch_loss(setup, window)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            mean += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, w).item() for w in val_loader) / len(val_loader)
    print(f"train {mean:.3f} val {val:.3f}")
    return mean


if __name__ == "__main__":
    train()
