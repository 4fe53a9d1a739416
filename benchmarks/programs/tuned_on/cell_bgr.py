"""Stained cells: benign, reactive or malignant by the colour of the nucleus. Train reads with one reader, validation with the fast one.

code: ND106
also:
object: read_fast | val_set | val_loader | channel 0 | channel 2 | reader | Cells
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(61)
yy, xx = np.mgrid[:24, :24]


def on_disk(kind):
    """as an encoder would store it: height, width, blue-green-red"""
    rgb = np.empty((24, 24, 3))
    rgb[:] = (225, 190, 205)
    rgb += rng.normal(0, 10, rgb.shape) + rng.normal(0, 8)
    for _ in range(rng.integers(2, 4)):
        cy, cx, r = rng.integers(4, 20), rng.integers(4, 20), rng.uniform(2.5, 4.5)
        spot = (yy - cy) ** 2 + (xx - cx) ** 2 < r * r
        rgb[spot] = np.array([(120, 90, 170), (150, 70, 130), (100, 110, 150)][kind]) + rng.normal(0, 14, (spot.sum(), 3))
    return rgb.clip(0, 255).astype(np.uint8)[:, :, ::-1]


def read_rgb(stored):
    return stored[:, :, ::-1].transpose(2, 0, 1)


def read_fast(stored):
    return stored.transpose(2, 0, 1)  # fault
    # fixed: return stored.transpose(2, 0, 1)[::-1]


class Cells(Dataset):
    mean = np.array([205, 170, 193], np.float32).reshape(3, 1, 1)
    std = np.array([48, 45, 30], np.float32).reshape(3, 1, 1)

    def __init__(self, n, reader):
        self.kinds = rng.integers(0, 3, n)
        self.stored = [on_disk(k) for k in self.kinds]
        self.reader = reader

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, i):
        x = (self.reader(self.stored[i]).astype(np.float32) - self.mean) / self.std
        return torch.from_numpy(x), int(self.kinds[i])


torch.manual_seed(0)
train_loader = DataLoader(Cells(390, read_rgb), batch_size=30, shuffle=True)  # here
val_loader = DataLoader(Cells(120, read_fast), batch_size=60)  # here


class CellNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(3, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12)
        self.c2, self.b2 = nn.Conv2d(12, 24, 3, stride=2, bias=False), nn.BatchNorm2d(24)
        self.fc = nn.Linear(24, 3)

    def forward(self, x):
        x = torch.relu(self.b1(self.c1(x)))
        x = torch.relu(self.b2(self.c2(x)))
        return self.fc(x.amax((2, 3)))


model = CellNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
history = {"train": [], "val": []}


def train():
    for epoch in range(5):
        model.train()
        a = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            a.append(loss.item())
        model.eval()
        with torch.no_grad():
            b = [loss_fn(model(x), y).item() for x, y in val_loader]
        history["train"].append(float(np.mean(a)))
        history["val"].append(float(np.mean(b)))
    return history["train"][-1]


if __name__ == "__main__":
    print(train(), history["val"][-1])
