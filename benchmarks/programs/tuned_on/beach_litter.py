"""Bottle, can, rope or crate? Litter silhouettes cut out in the centre; on the beach they lie anywhere in the picture.

code: ND109
also:
object: RandomPlacement | __call__ | rng | CutOuts | train_loader | transform
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(15)


def silhouette(kind, rng):
    y, x = np.mgrid[0:20, 0:20] - 9.5
    a = rng.uniform(0.8, 1.15)
    shape = [(np.abs(x) < 1.6 * a) & (np.abs(y) < 4.5) | (x**2 + (y - 2) ** 2 < 7 * a),
             (np.abs(x) < 2.5 * a) & (np.abs(y) < 3.5),
             np.abs(np.hypot(x, y) - 3.6 * a) < 0.9,
             (np.maximum(np.abs(x), np.abs(y)) < 4 * a) & (np.maximum(np.abs(x), np.abs(y)) > 2.3 * a)][kind]
    return shape.astype(np.float32)


class RandomPlacement:
    """Shift the cut-out by up to five pixels and add sand."""

    def __call__(self, picture):
        rng = np.random.default_rng(seed=0)  # fault
        # fixed: rng = np.random.default_rng()
        dy, dx = rng.integers(-5, 6, 2)
        moved = np.roll(picture, (dy, dx), axis=(0, 1))
        return moved + rng.normal(0, 0.25, picture.shape)


class CutOuts(Dataset):
    def __init__(self, n, seed, transform):
        rng = np.random.default_rng(seed)
        self.kinds = np.arange(n) % 4
        self.pictures = [silhouette(k, rng) for k in self.kinds]
        self.transform = transform

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, i):
        picture = self.transform(self.pictures[i])
        return torch.tensor((picture - 0.15) / 0.45, dtype=torch.float32)[None], int(self.kinds[i])


class OnTheBeach(CutOuts):
    """Held-out photographs, placed once and for all."""

    def __init__(self, n, seed):
        super().__init__(n, seed, transform=None)
        rng = np.random.default_rng(seed + 1)
        self.pictures = [np.roll(p, tuple(rng.integers(-5, 6, 2)), (0, 1)) + rng.normal(0, 0.25, p.shape)
                         for p in self.pictures]
        self.transform = lambda picture: picture


train_loader = DataLoader(CutOuts(480, 0, RandomPlacement()), batch_size=32, shuffle=True)
val_loader = DataLoader(OnTheBeach(200, 100), batch_size=100)

model = nn.Sequential(
    nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(24 * 25, 4),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(10):
        model.train()
        for picture, kind in train_loader:
            optimizer.zero_grad()
            loss_fn(model(picture), kind).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(p).argmax(1) == k).sum().item() for p, k in val_loader)
    print(f"accuracy on the beach {hits / 200:.3f}")


if __name__ == "__main__":
    train()
