"""Hourly electricity of a building from weather and the clock (GEPIII flavour).

code: ND602
also:
object: optimizer | zero_grad | step | train | loop
seen: watch
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 42
np.random.seed(SEED)
torch.manual_seed(SEED)

hours = pd.date_range("2016-01-01", periods=24 * 90, freq="h")
df = pd.DataFrame({"timestamp": hours})
df["hour"], df["dow"] = hours.hour, hours.dayofweek
day = np.arange(len(df)) / 24
df["air_temperature"] = 12 + 9 * np.sin(2 * np.pi * day / 30) + 4 * np.sin(2 * np.pi * (df.hour - 9) / 24) + np.random.randn(len(df))
df["cloud"] = np.random.randint(0, 9, len(df))
office = ((df.hour > 7) & (df.hour < 19) & (df.dow < 5)).astype(float)
df["meter_reading"] = 60 + 55 * office + 2.2 * (df.air_temperature - 18).clip(lower=0) * office \
    + 1.4 * (12 - df.air_temperature).clip(lower=0) + 3 * np.random.randn(len(df))

# every fifth day goes to validation
fold = (np.arange(len(df)) // 24) % 5 == 4
feats = np.stack([np.sin(2 * np.pi * df.hour / 24), np.cos(2 * np.pi * df.hour / 24), (df.dow < 5) * 2.0 - 1,
                  df.air_temperature, df.cloud], 1)
target = np.log1p(df.meter_reading.values)
fm, fs = feats[~fold].mean(0), feats[~fold].std(0)
tm, ts = target[~fold].mean(), target[~fold].std()
X = torch.tensor((feats - fm) / fs, dtype=torch.float32)
y = torch.tensor((target - tm) / ts, dtype=torch.float32).view(-1, 1)
tr, va = torch.from_numpy(np.flatnonzero(~fold)), torch.from_numpy(np.flatnonzero(fold))

train_loader = DataLoader(TensorDataset(X[tr], y[tr]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(X[va], y[va]), batch_size=256, shuffle=False)


class MeterNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(5, 64)
        self.mid = nn.Linear(64, 64)
        self.out = nn.Linear(64, 1)
        self.act = nn.GELU()

    def forward(self, x):
        h = self.act(self.inp(x))
        h = h + self.act(self.mid(h))
        return self.out(h)


model = MeterNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train_one_epoch():
    model.train()
    total = 0
    for data, labels in train_loader:
        preds = model(data)
        loss = loss_fn(preds, labels)
        loss.backward()  # here
        optimizer.zero_grad()  # fault
        # fixed: optimizer.step()
        optimizer.step()  # fault
        # fixed: optimizer.zero_grad()
        total += loss.item()
    return total / len(train_loader)


def validate():
    model.eval()
    with torch.no_grad():
        errs = torch.cat([(model(d) - l) ** 2 for d, l in val_loader])
    return errs.mean().sqrt().item() * ts


def train():
    for epoch in range(8):
        train_loss = train_one_epoch()
        print(f"Epoch {epoch} | loss {train_loss:.4f} | RMSLE {validate():.4f}")
    return train_loss


if __name__ == "__main__":
    print(train())
