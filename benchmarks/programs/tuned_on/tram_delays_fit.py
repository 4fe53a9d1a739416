"""Tram delays from a timetable table: a residual net built in a loop.

code: ND203
also: ND601
object: blocks | TramNet | list
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(70)
torch.manual_seed(70)
table = rng.normal(size=(1500, 10))
delay = np.sin(2 * table[:, 0]) + table[:, 1] * table[:, 2] + 0.5 * table[:, 3] ** 2 + rng.normal(0, 0.1, 1500)
delay = (delay - delay.mean()) / delay.std()
t = lambda a: torch.tensor(a, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(t(table[:1200]), t(delay[:1200])), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(t(table[1200:]), t(delay[1200:])), batch_size=100)


class TramNet(nn.Module):
    def __init__(self, width=20, depth=3):
        super().__init__()
        self.inlet = nn.Linear(10, width)
        self.blocks = []  # fault
        # fixed: self.blocks = nn.ModuleList()
        for _ in range(depth):
            self.blocks.append(nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, width)))
        self.outlet = nn.Linear(width, 1)

    def forward(self, x):
        x = self.inlet(x)
        for block in self.blocks:
            x = x + block(x)
        return self.outlet(x).squeeze(1)


model = TramNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(20):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse %.3f" % (sum(loss_fn(model(x), y).item() for x, y in val_loader) / 3))


if __name__ == "__main__":
    train()
