"""Predict the peak flow of a small river from a day of hourly rain.

code: ND101
also: ND310
object: rain | log_rain | x | log | CatchmentDays | train_loader | train_set
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class CatchmentDays(Dataset):
    """One sample: 24 hourly rain sums (mm) and the scaled peak flow."""

    def __init__(self, days, seed):
        rng = np.random.default_rng(seed)
        rain = rng.gamma(1.2, 3.0, (days, 24))
        dry = rng.random(days) < 0.3
        rain[dry, 12:18] *= rng.random((dry.sum(), 6)) < 0.8
        reach = np.exp(-np.arange(24)[::-1] / 9.0)
        flow = (np.log1p(rain) * reach).sum(1)
        flow = (flow - 10.1) / 1.5 + rng.normal(0, 0.1, days)
        log_rain = np.log(rain)  # fault
        # fixed: log_rain = np.log1p(rain) - 1.3
        self.rain = torch.from_numpy(log_rain).float().unsqueeze(-1)  # here
        self.flow = torch.from_numpy(flow).float()

    def __len__(self):
        return len(self.flow)

    def __getitem__(self, i):
        return self.rain[i], self.flow[i]  # here


class FlowGRU(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.gru(x)
        return self.head(out[:, -1]).squeeze(-1)


torch.manual_seed(5)
train_set = CatchmentDays(800, seed=1)
val_set = CatchmentDays(200, seed=2)
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=200)  # here
model = FlowGRU()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def evaluate():
    model.eval()
    total = 0.0
    with torch.no_grad():
        for x, y in val_loader:
            total += loss_fn(model(x), y).item() * len(y)
    return total / len(val_set)


def train():
    for epoch in range(8):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
    print("val loss", round(evaluate(), 4))


if __name__ == "__main__":
    train()
