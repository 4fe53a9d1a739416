"""How fast does something cross the hallway? Pixels per frame from the difference of two camera frames.

code: ND111
also: ND110
object: dataset | FramePairs | diff | frames | train_loader
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader, Subset

rng = np.random.default_rng(5)
torch.manual_seed(5)
SIZE = 24


def film(speed):
    """two grey 8-bit frames of a figure that walks to the right"""
    wall = rng.integers(90, 130)
    shade = wall + rng.integers(25, 60) * rng.choice([-1, 1])
    y, x = rng.integers(2, 12), rng.uniform(1, 8)
    h, w = rng.integers(7, 11), rng.integers(4, 7)
    frames = []
    for t in range(2):
        f = np.full((SIZE, SIZE), float(wall)) + rng.normal(0, 3, (SIZE, SIZE))
        left = x + speed * t
        cols = np.clip(np.arange(SIZE) + 1 - left, 0, 1) * np.clip(left + w - np.arange(SIZE), 0, 1)
        f[y:y + h] += (shade - wall) * cols
        frames.append(f.clip(0, 255).astype(np.uint8))
    return frames


class FramePairs(Dataset):
    def __init__(self, n):
        self.speed = rng.uniform(0, 6, n)
        self.pairs = [film(s) for s in self.speed]

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        before, after = self.pairs[i]
        diff = np.abs(after - before)  # fault
        # fixed: diff = np.abs(after.astype(np.int16) - before.astype(np.int16))
        x = torch.from_numpy(diff).float().unsqueeze(0) / 64.0  # here
        return x, torch.tensor([(self.speed[i] - 3.0) / 1.73], dtype=torch.float32)


data = FramePairs(700)  # here
train_loader = DataLoader(Subset(data, range(560)), batch_size=32, shuffle=True)
val_loader = DataLoader(Subset(data, range(560, 700)), batch_size=70)


class SpeedNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
        self.conv = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(16 * 36, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.head(self.conv(self.stem(x)))


model = SpeedNet()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=8):
    for ep in range(epochs):
        model.train()
        tr = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tr += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            err = torch.cat([(model(x) - y).abs() for x, y in val_loader]).mean().item() * 1.73
        print(f"{ep} loss {tr / 560:.4f} off by {err:.2f} px/frame")
    return tr / 560


if __name__ == "__main__":
    print(train())
