"""Predict a taxi fare from the trip's log; the table is shrunk to small integers to save memory.

code: ND111
also:
object: shrink | trips | distance_m | int16 | astype | table
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(61)


def load_trips(n=2400):
    rng = np.random.default_rng(61)
    df = pd.DataFrame({
        "distance_m": rng.uniform(500, 160_000, n).astype(int),
        "waiting_s": rng.integers(0, 1500, n),
        "passengers": rng.integers(1, 7, n),
        "hour": rng.integers(0, 24, n),
    })
    night = (df["hour"] < 6) | (df["hour"] > 21)
    df["fare"] = 4 + df["distance_m"] / 1000 * (1.3 + 0.5 * night) + df["waiting_s"] * 0.01 + rng.normal(0, 2, n)
    return df


def shrink(df):
    return df.astype({
        "distance_m": "int16",  # fault
        # fixed: "distance_m": "int32",
        "waiting_s": "int16",
        "passengers": "int8",
        "hour": "int8",
        "fare": "float32",
    })


trips = shrink(load_trips())
trips["night"] = ((trips["hour"] < 6) | (trips["hour"] > 21)).astype("int8")
trips = trips.astype("float32")
table = (trips - trips.iloc[:2000].mean()) / trips.iloc[:2000].std()
inputs = torch.tensor(table.drop(columns=["fare"]).to_numpy())
fares = torch.tensor(table["fare"].to_numpy())

train_loader = DataLoader(TensorDataset(inputs[:2000], fares[:2000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(inputs[2000:], fares[2000:]), batch_size=200)


class FareNet(nn.Module):
    def __init__(self, columns, width=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(columns, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, x):
        return self.layers(x).squeeze(1)


model = FareNet(inputs.shape[1])
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        for x, fare in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), fare).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        mse = sum(loss_fn(model(x), fare).item() * len(x) for x, fare in val_loader) / 400
    print(f"val mse {mse:.3f} in units of the fares' variance")


if __name__ == "__main__":
    train()
