"""Heating demand of houses; one half of the archive came from another office.

code: ND106
also: ND115
object: val_loader | outside_temp | column 0 | val_frame
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)


def archive(n, seed):
    r = np.random.default_rng(seed)
    f = pd.DataFrame({
        "outside_temp": r.normal(46, 12, n),
        "area": r.normal(120, 30, n),
        "insulation": r.uniform(0, 1, n),
        "occupants": r.integers(1, 6, n).astype(float),
    })
    celsius = (f.outside_temp - 32) / 1.8
    f["demand"] = (20 - celsius) / 10 * (f.area / 120) * (1.4 - f.insulation) + 0.1 * f.occupants + r.normal(0, 0.1, n)
    return f


def clean(f):
    f = f.copy()
    f["outside_temp"] = (f["outside_temp"] - 32) / 1.8
    return f


train_frame = clean(archive(1500, 1))
val_frame = archive(400, 2)  # fault
# fixed: val_frame = clean(archive(400, 2))

INPUTS = ["outside_temp", "area", "insulation", "occupants"]
stats = train_frame.agg(["mean", "std"])


def table(f):
    z = (f - stats.loc["mean"]) / stats.loc["std"]
    return TensorDataset(torch.tensor(z[INPUTS].values, dtype=torch.float32),
                         torch.tensor(z[["demand"]].values, dtype=torch.float32))


train_loader = DataLoader(table(train_frame), batch_size=50, shuffle=True)
val_loader = DataLoader(table(val_frame), batch_size=100)  # here

model = nn.Sequential(nn.Linear(4, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    curve = []
    for epoch in range(10):
        model.train()
        batch_losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
        curve.append((np.mean(batch_losses), val))
    print("val", curve[-1][1])
    return float(curve[-1][0])


if __name__ == "__main__":
    print(train())
