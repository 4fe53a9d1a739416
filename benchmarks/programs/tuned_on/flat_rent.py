"""The rent of a flat from its district, heating, landlord and size.

code: ND203
also:
object: embed | tables | self.embed | dict | Rent
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(6)
torch.manual_seed(6)
CATS = {"district": 30, "heating": 5, "landlord": 25}


def make_table(n):
    frame = pd.DataFrame({c: rng.integers(0, k, n) for c, k in CATS.items()})
    frame["size"] = rng.normal(70, 20, n).clip(20, 160)
    return frame


worth = {c: rng.normal(0, 1, k) for c, k in CATS.items()}
df = make_table(1600)
rent = sum(df[c].map(lambda k, c=c: worth[c][k]) for c in CATS) + (df["size"] - 70) / 20 + rng.normal(0, 0.2, len(df))
df["size"] = (df["size"] - 70) / 20
df["rent"] = (rent - rent.mean()) / rent.std()


class Flats(Dataset):
    def __init__(self, frame):
        self.cats = torch.tensor(frame[list(CATS)].values)
        self.size = torch.tensor(frame[["size"]].values, dtype=torch.float32)
        self.rent = torch.tensor(frame["rent"].values, dtype=torch.float32)

    def __len__(self):
        return len(self.rent)

    def __getitem__(self, i):
        return (self.cats[i], self.size[i]), self.rent[i]


class Rent(nn.Module):
    def __init__(self, dim=3):
        super().__init__()
        tables = {c: nn.Embedding(k, dim) for c, k in CATS.items()}
        self.embed = tables  # fault
        # fixed: self.embed = nn.ModuleDict(tables)
        self.mix = nn.Sequential(nn.Linear(dim * len(CATS) + 1, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, cats, size):
        parts = [self.embed[c](cats[:, j]) for j, c in enumerate(CATS)]
        return self.mix(torch.cat(parts + [size], 1)).squeeze(1)


train_loader = DataLoader(Flats(df[:1300]), batch_size=50, shuffle=True)
val_loader = DataLoader(Flats(df[1300:]), batch_size=100)
model = Rent()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def batch_loss(setup, batch):
    (cats, size), rent = batch
    return loss_fn(setup.model(cats, size), rent)


def train():
    for epoch in range(12):
        model.train()
        for (cats, size), y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(cats, size), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        err = [loss_fn(model(c, s), y).item() for (c, s), y in val_loader]
    print("val mse", np.mean(err))


if __name__ == "__main__":
    train()
