"""Length of a pendulum from a noisy trace; an endless stream of simulated swings.

code: ND109
also:
object: PendulumStream | rng | default_rng | __iter__ | seed
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, IterableDataset

torch.manual_seed(6)


def swing(rng):
    length = rng.uniform(0.3, 2.0)
    t = np.linspace(0, 6, 48)
    trace = np.cos(np.sqrt(9.81 / length) * t + rng.uniform(0, 2 * np.pi)) * rng.uniform(0.5, 1.0)
    trace = trace + rng.normal(0, 0.15, 48)
    return trace.astype(np.float32), np.float32((length - 1.15) / 0.49)


class PendulumStream(IterableDataset):
    """Simulates `per_epoch` fresh swings each time it is walked through."""

    def __init__(self, per_epoch, seed):
        self.per_epoch = per_epoch
        self.seed = seed
        self.rng = np.random.default_rng(seed)

    def __iter__(self):
        rng = np.random.default_rng(self.seed)  # fault
        # fixed: rng = self.rng
        for _ in range(self.per_epoch):
            yield swing(rng)


train_loader = DataLoader(PendulumStream(96, seed=1), batch_size=24)
exam = np.random.default_rng(2)
val_loader = DataLoader([swing(exam) for _ in range(300)], batch_size=300)


class Clock(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(48, 96), nn.GELU(), nn.Linear(96, 96), nn.GELU(), nn.Linear(96, 1))

    def forward(self, x):
        return self.layers(x).squeeze(-1)


model = Clock()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(100):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print(f"val mse {loss_fn(model(x), y).item():.3f}")


if __name__ == "__main__":
    train()
