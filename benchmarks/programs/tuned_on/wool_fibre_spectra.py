"""Sheep, goat or alpaca: the animal from a near-infrared spectrum of its wool.

code: ND105
also:
object: val_idx | train_idx | val_loader | permutation | Subset
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Subset, TensorDataset

rng = np.random.default_rng(47)
torch.manual_seed(47)
BANDS = 40


def spectra(n):
    animal = rng.integers(0, 3, n)
    wave = np.linspace(0, 1, BANDS)
    peak = np.array([0.35, 0.5, 0.65])[animal][:, None] + rng.normal(0, 0.06, (n, 1))
    curve = np.exp(-((wave - peak) / 0.12) ** 2) * rng.uniform(0.5, 1.5, (n, 1))
    return curve + rng.normal(0, 0.55, (n, BANDS)), animal


x, animal = spectra(440)
x = (x - x.mean()) / x.std()
data = TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(animal))

train_idx = rng.permutation(len(data))[:320]
val_idx = rng.permutation(len(data))[320:]  # fault
# fixed: val_idx = np.setdiff1d(np.arange(len(data)), train_idx)
train_loader = DataLoader(Subset(data, train_idx.tolist()), batch_size=20, shuffle=True)  # here
val_loader = DataLoader(Subset(data, val_idx.tolist()), batch_size=40)  # here

model = nn.Sequential(nn.Linear(BANDS, 32), nn.ReLU(), nn.Linear(32, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def accuracy(loader):
    model.eval()
    hits = seen = 0
    with torch.no_grad():
        for a, b in loader:
            hits += (model(a).argmax(1) == b).sum().item()
            seen += len(b)
    return hits / seen


def train():
    for epoch in range(9):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    print(f"train {accuracy(train_loader):.3f} val {accuracy(val_loader):.3f}")


if __name__ == "__main__":
    train()
