"""Leaf photographs: round, lobed or needle, on 24 by 24 RGB crops.

code: ND102
also:
object: Normalize | to_float | LeafDataset | images | channel
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SIZE = 24


def draw_leaf(kind, rng):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2 + rng.uniform(-2, 2, (2, 1, 1))
    angle = np.arctan2(yy, xx)
    radius = np.hypot(yy, xx)
    if kind == 0:
        mask = radius < 7
    elif kind == 1:
        mask = radius < 6 + 3 * np.cos(5 * angle + rng.uniform(0, 6))
    else:
        turn = rng.uniform(0, np.pi)
        mask = np.abs(xx * np.sin(turn) - yy * np.cos(turn)) < 1.8
    picture = rng.integers(140, 255, (SIZE, SIZE, 3)).astype(np.float32)
    picture[mask] = np.array([60, 120, 40]) + rng.normal(0, 18, (mask.sum(), 3))
    return picture.clip(0, 255).astype(np.uint8)


class Compose:
    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, value):
        for step in self.steps:
            value = step(value)
        return value


def to_float(picture):
    """HWC bytes to CHW floats between 0 and 1."""
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 255


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]

    def __call__(self, picture):
        return (picture / 255 - self.mean) / self.std  # fault
        # fixed: return (picture - self.mean) / self.std


class LeafDataset(Dataset):
    def __init__(self, count, seed, transform):
        rng = np.random.default_rng(seed)
        self.kinds = rng.integers(0, 3, count)
        self.pictures = [draw_leaf(k, rng) for k in self.kinds]
        self.transform = transform

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, i):
        return self.transform(self.pictures[i]), int(self.kinds[i])


transform = Compose(to_float, Normalize([0.62, 0.68, 0.60], [0.24, 0.18, 0.26]))  # here
torch.manual_seed(3)
train_loader = DataLoader(LeafDataset(480, 0, transform), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(LeafDataset(150, 1, transform), batch_size=50)  # here
model = nn.Sequential(
    nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(24 * 36, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)


def train():
    for epoch in range(5):
        model.train()
        sums = 0.0
        for pictures, kinds in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(pictures), kinds)
            loss.backward()
            optimizer.step()
            sums += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            good = sum((model(p).argmax(1) == k).sum() for p, k in val_loader)
    return sums


if __name__ == "__main__":
    print(train())
