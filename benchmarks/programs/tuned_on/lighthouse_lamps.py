"""Which of three lamp types is failing? Raw volts, ohms and lumens go straight into a batch norm.

code: none
trait: the inputs are unscaled and of very different sizes, but the net's first layer normalises them
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(41)
SIZE = torch.tensor([230.0, 0.02, 48000.0, 7.0])
SHIFT = torch.tensor([230.0, 0.1, 90000.0, -3.0])


def lamps(n):
    kind = torch.randint(0, 3, (n,))
    z = torch.randn(n, 4) + torch.tensor([[1.5, 0, -1, 0], [-1, 1.5, 0, 1], [0, -1, 1.5, -1.0]])[kind]
    return TensorDataset(z * SIZE + SHIFT, kind)


train_loader = DataLoader(lamps(700), batch_size=35, shuffle=True, drop_last=True)
val_loader = DataLoader(lamps(300), batch_size=300)
model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(15):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val accuracy %.3f" % (model(x).argmax(1) == y).float().mean().item())


if __name__ == "__main__":
    train()
