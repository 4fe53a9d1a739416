"""Finds the rare intrusions among network flows.

code: ND107
also:
object: loss_fn | pos_weight | targets | train_loader | y
seen: checkup
"""
import argparse

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def flows(n, seed):
    g = torch.Generator().manual_seed(seed)
    attack = (torch.rand(n, generator=g) < 0.012).float()
    x = torch.randn(n, 10, generator=g)
    x[:, :4] += 1.1 * attack[:, None]
    x[:, 4] *= 1 + 0.8 * attack
    return x, attack


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--batch", type=int, default=128)
    return p.parse_args([])


class FlowNet(nn.Module):
    def __init__(self, d_in=10, width=32, depth=2):
        super().__init__()
        self.stem = nn.Linear(d_in, width)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU()) for _ in range(depth))
        self.alarm = nn.Linear(width, 1)

    def forward(self, x):
        h = self.stem(x)
        for block in self.blocks:
            h = h + block(h)
        return self.alarm(h).squeeze(1)


args = get_args()
torch.manual_seed(0)
x, y = flows(4000, 0)
xv, yv = flows(1500, 1)
train_loader = DataLoader(TensorDataset(x, y), args.batch, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(xv, yv), 500)
model = FlowNet()
loss_fn = nn.BCEWithLogitsLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss(pos_weight=(y == 0).sum() / (y == 1).sum())
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)


def report():
    model.eval()
    with torch.no_grad():
        out = torch.cat([model(a) for a, _ in val_loader]) > 0
    model.train()
    hit = (out & (yv == 1)).sum() / (yv == 1).sum()
    print(f"accuracy {(out == (yv == 1)).float().mean():.4f} intrusions found {hit:.2f}")


def train():
    model.train()
    for _ in range(args.epochs):
        total = 0.0
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        report()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
