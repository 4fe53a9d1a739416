"""Fares of taxi rides from the meter's log, columns packed to save memory.

code: ND111
also:
object: metres | column 0 | rides | pack
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(90)
torch.manual_seed(90)


def meter_log(n=2000):
    metres = rng.gamma(4, 8000, n).clip(500, 120_000).round()
    minutes = metres / 700 + rng.gamma(2, 3, n)
    night = rng.integers(0, 2, n)
    fare = 3 + 0.0011 * metres + 0.35 * minutes + 4 * night + rng.normal(0, 1.5, n)
    return pd.DataFrame({"metres": metres, "minutes": minutes, "night": night, "fare": fare})


def pack(rides):
    rides = rides.copy()
    rides["metres"] = rides["metres"].astype("int64").astype("int16")  # fault
    # fixed: rides["metres"] = rides["metres"].astype("int64").astype("int32")
    rides["night"] = rides["night"].astype("int8")
    rides[["minutes", "fare"]] = rides[["minutes", "fare"]].astype("float32")
    return rides


rides = pack(meter_log())  # here
parts = rides.sample(frac=1, random_state=2)
first, second = parts.iloc[:1600], parts.iloc[1600:]
mean, std = first.mean(), first.std()


def as_dataset(part):
    scaled = ((part - mean) / std).astype("float32")
    return TensorDataset(torch.tensor(scaled[["metres", "minutes", "night"]].values), torch.tensor(scaled[["fare"]].values))  # here


train_loader = DataLoader(as_dataset(first), batch_size=64, shuffle=True)
val_loader = DataLoader(as_dataset(second), batch_size=200)
model = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            error = torch.cat([(model(x) - y).abs() for x, y in val_loader]).mean().item() * std["fare"]
        print(f"epoch {epoch}: off by {error:.2f}")
    return total / len(train_loader)


if __name__ == "__main__":
    train()
