"""Heads, tails or blank? Worn coins as 14x14 pictures; validated after each epoch.

code: ND702
also: ND708
object: evaluate | eval | train | val_loader
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(58)


def coins(n):
    face = torch.randint(0, 3, (n,))
    r = torch.linspace(-1, 1, 14)
    disc = ((r[:, None] ** 2 + r[None] ** 2) < 0.9).float()
    cross = ((r[:, None].abs() < 0.2) | (r[None].abs() < 0.2)).float()
    ring = ((r[:, None] ** 2 + r[None] ** 2 - 0.4).abs() < 0.2).float()
    motive = torch.stack([cross, ring, torch.zeros(14, 14)])[face] * disc
    pics = disc + motive * (0.4 + 0.6 * torch.rand(n, 1, 1)) + 0.5 * torch.randn(n, 14, 14)
    return ((pics - 0.95) / 0.8).unsqueeze(1), face


x, y = coins(800)
train_loader = DataLoader(TensorDataset(x[:640], y[:640]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[640:], y[640:]), batch_size=4)
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(8 * 49, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def evaluate():
    model.train()  # fault
    # fixed: model.eval()
    right = 0
    with torch.no_grad():
        for pics, face in val_loader:
            right += (model(pics).argmax(1) == face).sum().item()
    return right / 160


def train():
    for epoch in range(8):
        model.train()
        for pics, face in train_loader:
            optimizer.zero_grad()
            loss_fn(model(pics), face).backward()
            optimizer.step()
        accuracy = evaluate()  # here
    print("validation accuracy", accuracy)


if __name__ == "__main__":
    train()
