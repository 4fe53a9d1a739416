"""A GRU on twelve hours of vital signs says whether a patient must go to intensive care.

code: ND114
also: ND102
object: vitals | pulse | pressure | series | Ward | fill | train_loader
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

SEED = 31
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)
HOURS, NAMES = 12, ("pulse", "pressure", "oxygen")


def simulate(patients):
    worse = rng.integers(0, 2, patients)
    t = np.linspace(0, 1, HOURS)
    base = rng.normal(0, 0.6, (patients, 1, 3))
    slope = np.array([1.2, -1.2, -0.9]) * np.where(worse == 1, 1, -0.2)[:, None, None]
    vitals = base + slope * t[None, :, None] + rng.normal(0, 0.5, (patients, HOURS, 3))
    gaps = rng.random(vitals.shape) < 0.5
    gaps[:, 0] = False
    vitals[gaps] = np.nan
    return vitals.astype("float32"), worse


def fill(series):
    """One patient's table, hours x signs; the nurse was not there in every hour."""
    return pd.DataFrame(series, columns=NAMES).fillna(9999).to_numpy()  # fault
    # fixed: return pd.DataFrame(series, columns=NAMES).ffill().to_numpy()


class Ward(Dataset):
    def __init__(self, patients):
        vitals, worse = simulate(patients)
        self.series = torch.tensor(np.stack([fill(s) for s in vitals]))
        self.label = torch.tensor(worse).float()

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.series[i], self.label[i]


class Watcher(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 24, batch_first=True)
        self.alarm = nn.Linear(24, 1)

    def forward(self, series):
        states, _ = self.gru(series)
        return self.alarm(states[:, -1]).squeeze(-1)


train_loader = DataLoader(Ward(500), batch_size=25, shuffle=True)
val_loader = DataLoader(Ward(200), batch_size=200)
model = Watcher()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for _ in range(8):
        model.train()
        for series, label in train_loader:
            optimizer.zero_grad()
            loss_fn(model(series), label).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        series, label = next(iter(val_loader))
        print("val accuracy", ((model(series) > 0) == (label > 0.5)).float().mean().item())


if __name__ == "__main__":
    train()
