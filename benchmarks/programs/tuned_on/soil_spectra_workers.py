"""Clay, sand, loam or peat from a spectrum; two loader workers add random smears and baselines.

code: ND109
also:
object: SoilSpectra | rng | default_rng | worker | num_workers | train_loader
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(55)
BANDS = 40
base = np.random.default_rng(3)
lam = np.arange(BANDS)
PEAKS = [12, 15, 18, 21]


def disturb(curve, rng):
    shift = rng.integers(-7, 8)
    slope = rng.normal(0, 0.8) * (lam - BANDS / 2) / BANDS
    return np.roll(curve, shift) + slope + rng.normal(0, 0.15) + rng.normal(0, 0.1, BANDS)


def clean(kind):
    return np.exp(-((lam - 8) / 2.0) ** 2) + np.exp(-((lam - PEAKS[kind]) / 2.0) ** 2)


class SoilSpectra(Dataset):
    def __init__(self, copies):
        self.kind = np.tile(np.arange(4), copies)
        self.rng = np.random.default_rng(10)

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        rng = self.rng  # fault
        # fixed: rng = np.random.default_rng(torch.randint(0, 2**31, (1,)).item())
        return disturb(clean(self.kind[i]), rng).astype(np.float32), int(self.kind[i])


train_loader = DataLoader(SoilSpectra(6), batch_size=3, shuffle=True, num_workers=2)  # here
val_loader = DataLoader([(disturb(clean(k % 4), base).astype(np.float32), k % 4) for k in range(400)], batch_size=400)
model = nn.Sequential(nn.Linear(BANDS, 64), nn.ReLU(), nn.Linear(64, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(30):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val accuracy %.3f" % (model(x).argmax(1) == y).float().mean().item())


if __name__ == "__main__":
    train()
