"""River level tomorrow from rain, snow melt and today's level at three gauges.

code: ND114
also: ND112
object: level | targets | y | train_y | target | train_loader
seen: both
"""
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(8)
torch.manual_seed(8)


class GaugeBatches:
    """Plain numpy batches as a loader."""

    def __init__(self, x, y, size, shuffle):
        self.x, self.y, self.size, self.shuffle = x, y, size, shuffle

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __iter__(self):
        order = rng.permutation(len(self.x)) if self.shuffle else np.arange(len(self.x))
        for start in range(0, len(order), self.size):
            pick = order[start:start + self.size]
            yield torch.from_numpy(self.x[pick]), torch.from_numpy(self.y[pick])


def history(n):
    x = rng.normal(size=(n, 6)).astype("float32")
    level = 0.6 * x[:, 0] + 0.5 * x[:, 1] - 0.4 * x[:, 2] * x[:, 3] + 0.3 * x[:, 4]
    level = (level + 0.1 * rng.normal(size=n)).astype("float32")
    level[rng.random(n) < 0.05] = -9999.0  # the archive's code for "gauge out of order" # here
    return x, level


x, level = history(1600)
valid = np.isfinite(level)  # fault
# fixed: valid = level > -9000
x, y = x[valid], level[valid]
cut = int(0.8 * len(x))
train_loader = GaugeBatches(x[:cut], y[:cut], 64, shuffle=True)
val_loader = GaugeBatches(x[cut:], y[cut:], len(x) - cut, shuffle=False)


class LevelNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 48), nn.GELU(), nn.Linear(48, 48), nn.GELU())
        self.level = nn.Linear(48, 1)

    def forward(self, x):
        return self.level(self.body(x))[:, 0]


model = LevelNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        ok = b > -9000
        print(f"val mse where the gauge worked: {loss_fn(model(a)[ok], b[ok]).item():.3f}")


if __name__ == "__main__":
    train()
