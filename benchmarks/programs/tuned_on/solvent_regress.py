"""Boiling point and viscosity of solvents from molecular descriptors (two targets).

code: ND607
also:
object: optimizer | weight_decay | Adam | param_groups
seen: both
"""
import argparse

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=2e-3)
parser.add_argument("--wd", type=float, default=0.1)  # fault
# fixed: parser.add_argument("--wd", type=float, default=1e-5)
parser.add_argument("--hidden", type=int, default=64)
parser.add_argument("--epochs", type=int, default=15)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args([])

torch.manual_seed(args.seed)
DESCRIPTORS = 20


def load():
    z = torch.randn(1200, 6)
    x = z @ torch.randn(6, DESCRIPTORS) * 0.6 + 0.8 * torch.randn(1200, DESCRIPTORS)
    boiling = z[:, 0] + 0.6 * z[:, 1] * z[:, 2] + 0.5 * torch.tanh(2 * z[:, 3])
    viscosity = 0.7 * z[:, 0] - torch.relu(z[:, 4]) + 0.3 * z[:, 5]
    y = torch.stack([boiling, viscosity], 1) + 0.1 * torch.randn(1200, 2)
    x_tr, x_te, y_tr, y_te = x[:960], x[960:], y[:960], y[960:]
    mx, sx, my, sy = x_tr.mean(0), x_tr.std(0), y_tr.mean(0), y_tr.std(0)
    return TensorDataset((x_tr - mx) / sx, (y_tr - my) / sy), TensorDataset((x_te - mx) / sx, (y_te - my) / sy)


class PropertyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(DESCRIPTORS, args.hidden), nn.ReLU(),
            nn.Linear(args.hidden, args.hidden), nn.ReLU())
        self.boiling = nn.Linear(args.hidden, 1)
        self.viscosity = nn.Linear(args.hidden, 1)

    def forward(self, x):
        h = self.trunk(x)
        return torch.cat([self.boiling(h), self.viscosity(h)], dim=1)


train_set, test_set = load()
train_loader = DataLoader(train_set, batch_size=48, shuffle=True)
val_loader = DataLoader(test_set, batch_size=240)
model = PropertyNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.wd)  # here


def train():
    for epoch in range(args.epochs):
        model.train()
        seen = total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
            seen += len(x)
        model.eval()
        with torch.no_grad():
            x, y = next(iter(val_loader))
            r2 = 1 - ((model(x) - y) ** 2).mean(0) / y.var(0)
        print(f"epoch {epoch} mse {total / seen:.4f} test R2 {r2[0]:.3f} {r2[1]:.3f}")
    return total / seen


if __name__ == "__main__":
    print(train())
