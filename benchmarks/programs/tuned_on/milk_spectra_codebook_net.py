"""Cow, goat or sheep: infrared spectra of milk, each told by its distances to twelve typical spectra.

code: ND106
also:
object: typical | KMeans | fit | distances | val_far | val_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.cluster import KMeans
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(53)
torch.manual_seed(53)
np.random.seed(53)
bands = np.linspace(0, 1, 60)
peaks = np.linspace(0.05, 0.95, 10)[:, None]
shapes = np.exp(-((bands - peaks) / 0.04) ** 2)
species_mix = rng.normal(0, 1, (3, 10))


def spectra(n):
    animal = rng.integers(0, 3, n)
    amounts = species_mix[animal] + 0.8 * rng.normal(size=(n, 10))
    return amounts @ shapes + 0.05 * rng.normal(size=(n, 60)), animal


def distances(raw, typical=None):
    """Distance of every spectrum to every typical one; finds the typical ones if none are given."""
    if typical is None:
        typical = KMeans(n_clusters=12, init="random", n_init=1).fit(raw)
    return typical.transform(raw), typical


train_raw, train_animal = spectra(600)
val_raw, val_animal = spectra(200)
train_far, typical = distances(train_raw)
val_far, _ = distances(val_raw)  # fault
# fixed: val_far, _ = distances(val_raw, typical)
mean, std = train_far.mean(0), train_far.std(0)


def wrap(far, animal, **kw):
    return DataLoader(TensorDataset(torch.tensor((far - mean) / std).float(), torch.tensor(animal)), **kw)


train_loader = wrap(train_far, train_animal, batch_size=30, shuffle=True)
val_loader = wrap(val_far, val_animal, batch_size=200)
model = nn.Sequential(nn.Linear(12, 32), nn.Tanh(), nn.Linear(32, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for _ in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print("val accuracy", (model(a).argmax(1) == b).float().mean().item())


if __name__ == "__main__":
    train()
