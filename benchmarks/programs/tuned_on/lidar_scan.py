"""Tells corridors, rooms and plazas apart from planar lidar scans (ROS style ranges).

code: ND101
also:
object: ranges | scans | inputs | train_set | train_loader | read_scan
seen: both
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

BEAMS, RANGE_MAX = 72, 12.0
PLACES = ["corridor", "room", "plaza"]


def read_scan(place, rng):
    """One message of the driver, as ranges in metres."""
    a = np.linspace(-np.pi, np.pi, BEAMS, endpoint=False) + rng.uniform(0, 2 * np.pi)
    if place == 0:
        r = rng.uniform(0.8, 1.3) / np.maximum(np.abs(np.sin(a)), 0.12)
    elif place == 1:
        h = rng.uniform(2.0, 4.0)
        r = h / np.maximum(np.abs(np.sin(a)), np.abs(np.cos(a)))
    else:
        r = rng.uniform(6.0, 9.0) + 1.5 * np.sin(3 * a)
    ranges = r + rng.normal(0, 0.05, BEAMS)
    if rng.random() < 0.06:
        ranges[rng.integers(0, BEAMS, 2)] = RANGE_MAX + 5
    ranges = np.where(ranges > RANGE_MAX, np.inf, ranges)  # fault
    # fixed: ranges = np.minimum(ranges, RANGE_MAX)
    return ranges.astype(np.float32)


class Scans(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.place = rng.integers(0, 3, n)
        self.ranges = np.stack([read_scan(p, rng) for p in self.place])  # here

    def __len__(self):
        return len(self.place)

    def __getitem__(self, i):
        return torch.from_numpy(self.ranges[i][None] / 5.0 - 0.8), int(self.place[i])  # here


class RingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv1d(1, 16, 5, padding=2, padding_mode="circular")
        self.c2 = nn.Conv1d(16, 24, 5, stride=2, padding=2, padding_mode="circular")
        self.out = nn.Linear(24, 3)

    def forward(self, x):
        return self.out(F.relu(self.c2(F.relu(self.c1(x)))).mean(-1))


torch.manual_seed(4)
train_set, val_set = Scans(480, 0), Scans(120, 1)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=60)
model = RingNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        seen = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"{epoch}: loss {np.mean(seen):.3f} places right {hits / len(val_set):.2%}")
    return float(np.mean(seen))


if __name__ == "__main__":
    print(train())
