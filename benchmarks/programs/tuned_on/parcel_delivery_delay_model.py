"""Predict the delivery time of a parcel (hours) from distance, weight, stops and weekday, memory kept small.

code: ND111
also:
object: distance_km | shrink | astype | int8 | parcels | small | train_loader
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

rng = np.random.default_rng(3)
torch.manual_seed(3)


def load(n=1600):
    d = pd.DataFrame({
        "distance_km": rng.integers(5, 900, n),
        "weight_kg": rng.gamma(2, 3, n),
        "stops": rng.integers(1, 40, n),
        "weekday": rng.integers(0, 7, n),
    })
    d["hours"] = (6 + d.distance_km / 30 + 0.4 * d.stops + 0.3 * d.weight_kg
                  + 8 * (d.weekday >= 5) + rng.normal(0, 2, n))
    return d


def shrink(d):
    """Whole numbers need no 64 bits."""
    small = d.copy()
    for name in small.select_dtypes("int64"):
        small[name] = small[name].astype("int8")  # fault
        # fixed: small[name] = small[name].astype("int32")
    return small


parcels = shrink(load())  # here
weekend = (parcels.pop("weekday") >= 5).astype(float)
parcels["weekend"] = weekend
parcels = (parcels - parcels.mean()) / parcels.std()
y = torch.tensor(parcels.pop("hours").to_numpy(), dtype=torch.float32)
x = torch.tensor(parcels.to_numpy(), dtype=torch.float32)
train_set, val_set = random_split(TensorDataset(x, y), [1300, 300])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=100)  # here


class DelayNet(nn.Module):
    def __init__(self, n_in, width=32):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(n_in, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x):
        return self.f(x)[:, 0]


model = DelayNet(x.shape[1])
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
    print(f"validation huber {val:.4f}")


if __name__ == "__main__":
    train()
