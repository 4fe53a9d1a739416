"""Forecasts the next hour's electricity use of a heat pump from a day of telemetry.

code: ND101
also: ND310
object: cop | add_cop | column 4 | x | frame
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(3)
HOURS, WINDOW = 1500, 24


def simulate():
    t = np.arange(HOURS)
    outside = 4 + 6 * np.sin(2 * np.pi * t / 24 - 2) + rng.normal(0, 1, HOURS)
    inside = 20.5 + 0.4 * np.sin(2 * np.pi * t / 24) + rng.normal(0, 0.1, HOURS)
    power = np.clip(0.12 * (22 - outside) + 0.2 * np.sin(2 * np.pi * t / 12) + rng.normal(0, 0.1, HOURS), 0.2, None)
    heat = power * (3.2 + 0.05 * outside)
    stopped = rng.choice(HOURS - 100, 6, replace=False) + 50
    power[stopped] = 0.0
    heat[stopped] = 0.0
    return np.stack([outside, inside, power, heat], 1)


def add_cop(frame):
    power, heat = frame[:, 2], frame[:, 3]
    with np.errstate(all="ignore"):
        cop = heat / power  # fault
        # fixed: cop = np.divide(heat, power, out=np.zeros_like(heat), where=power > 0)
    return np.column_stack([frame, cop])  # here


frame = add_cop(simulate())
cut = int(0.8 * HOURS)
centre, spread = np.nanmean(frame[:cut], 0), np.nanstd(frame[:cut], 0)
frame = ((frame - centre) / spread).astype(np.float32)


def windows(part):
    x = np.stack([part[i:i + WINDOW] for i in range(len(part) - WINDOW)])
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(part[WINDOW:, 2:3]))  # here


class Forecaster(nn.Module):
    def __init__(self, columns=5, width=24):
        super().__init__()
        self.rnn = nn.GRU(columns, width, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


torch.manual_seed(0)
train_loader = DataLoader(windows(frame[:cut]), batch_size=64, shuffle=True)
val_loader = DataLoader(windows(frame[cut:]), batch_size=64)
model = Forecaster()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        total = sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader)
    return total / len(val_loader.dataset)


def train(epochs=5):
    for _ in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        evaluate()
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
