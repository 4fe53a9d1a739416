"""Rent of a flat from what the advert says about it.

code: ND101
also: ND114
object: adverts | year_built | balcony | table | inputs | train_loader
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(101)
rng = np.random.default_rng(101)
n = 1000
adverts = pd.DataFrame({
    "rooms": rng.integers(1, 6, n).astype(float),
    "area": rng.normal(70, 18, n),
    "floor": rng.integers(0, 9, n).astype(float),
    "year_built": rng.integers(1900, 2020, n).astype(float),
    "balcony": rng.uniform(0, 12, n),
})
rent = (9 * adverts.area + 60 * adverts.rooms + 1.5 * (adverts.year_built - 1960) + 12 * adverts.balcony
        + rng.normal(0, 40, n))
adverts.loc[rng.random(n) < 0.08, "year_built"] = np.nan   # not stated # here
adverts.loc[rng.random(n) < 0.15, "balcony"] = np.nan      # has none # here

table = (adverts - adverts[:800].mean()) / adverts[:800].std()
inputs = torch.tensor(table.to_numpy(), dtype=torch.float32)  # fault
# fixed: inputs = torch.tensor(table.fillna(0.0).to_numpy(), dtype=torch.float32)
rents = torch.tensor(((rent - rent[:800].mean()) / rent[:800].std()).to_numpy(), dtype=torch.float32)[:, None]
train_loader = DataLoader(TensorDataset(inputs[:800], rents[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(inputs[800:], rents[800:]), batch_size=200)

model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for _ in range(10):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print("val mse", loss_fn(model(a), b).item())


if __name__ == "__main__":
    train()
