"""Picks local events from noise windows; noise is mixed in on the fly.

code: ND109
also:
object: train_set | EventWindows | train_loader | rng
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

FS, N = 50, 128


def ricker(t, f):
    a = (np.pi * f * t) ** 2
    return (1 - 2 * a) * np.exp(-a)


def make_windows(n, seed):
    g = np.random.default_rng(seed)
    t = np.arange(N) / FS
    x = g.normal(0, 0.4, (n, N))
    y = g.integers(0, 2, n)
    for i in np.flatnonzero(y):
        x[i] += g.uniform(1, 2) * ricker(t - g.uniform(0.6, 1.9), g.uniform(3, 6))
    return x.astype(np.float32), y.astype(np.float32)


class EventWindows(Dataset):
    """Adds coloured noise and a random shift to every window when asked to."""

    def __init__(self, x, y, augment=False, seed=1234):
        self.x, self.y = x, y
        self.augment = augment
        self.seed = seed
        self.rng = np.random.default_rng(seed)  # fault
        # fixed:

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        x = self.x[i]
        if self.augment:
            rng = self.rng  # fault
            # fixed: rng = np.random.default_rng(torch.randint(2**31, ()).item())
            x = np.roll(x, rng.integers(-10, 11))  # here
            x = x + 0.3 * np.convolve(rng.standard_normal(N), np.ones(5) / 5, mode="same")  # here
        return torch.as_tensor(np.ascontiguousarray(x), dtype=torch.float32)[None], torch.tensor(self.y[i])


torch.manual_seed(3)
train_set = EventWindows(*make_windows(192, 0), augment=True)  # here
val_set = EventWindows(*make_windows(96, 1))
train_loader = DataLoader(train_set, batch_size=16, shuffle=True, num_workers=2)  # here
val_loader = DataLoader(val_set, batch_size=48)


class Picker(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv1d(1, 12, 9, padding=4), nn.ReLU(), nn.MaxPool1d(4),
                                      nn.Conv1d(12, 24, 9, padding=4), nn.ReLU(), nn.AdaptiveMaxPool1d(1))
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        return self.out(self.features(x).flatten(1)).squeeze(1)


model = Picker()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = sum(((model(x) > 0).float() == y).sum().item() for x, y in val_loader)
        print(epoch, np.mean(losses), "val acc", hits / len(val_set))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
