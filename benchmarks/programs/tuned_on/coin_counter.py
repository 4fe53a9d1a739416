"""How many coins lie on the tray? CNN classifier for 0..4 coins; two exposures are averaged against the sensor noise.

code: ND111
also:
object: merge | Trays | short | long | image | __getitem__
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def exposures(coins, rng):
    yy, xx = np.mgrid[:28, :28]
    image = np.full((28, 28), 100.0)
    centres = []
    while len(centres) < coins:
        c = rng.integers(4, 24, 2)
        if all(abs(c - o).max() > 7 for o in centres):
            centres.append(c)
    for cy, cx in centres:
        image[(yy - cy) ** 2 + (xx - cx) ** 2 <= 9] = rng.uniform(180, 210)
    return [(image * gain + rng.normal(0, 35, image.shape)).clip(0, 255).astype(np.uint8) for gain in (0.9, 1.1)]


def merge(short, long):
    """mean of the two exposures"""
    return (short + long) // 2  # fault
    # fixed: return ((short.astype(np.uint16) + long) // 2).astype(np.uint8)


class Trays(Dataset):
    MEAN, STD = 115.0, 45.0

    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.counts = rng.integers(0, 5, n)
        self.shots = [exposures(c, rng) for c in self.counts]

    def __len__(self):
        return len(self.counts)

    def __getitem__(self, i):
        image = merge(*self.shots[i])  # here
        return torch.from_numpy((image.astype(np.float32) - self.MEAN) / self.STD)[None], int(self.counts[i])


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Linear(16 * 49, 5)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))


torch.manual_seed(0)
train_loader = DataLoader(Trays(500, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Trays(150, 2), batch_size=75)
model = Counter()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(7):
        total = 0
        for image, count in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(image), count)
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
    model.eval()
    with torch.no_grad():
        print("val acc", sum((model(i).argmax(1) == c).sum().item() for i, c in val_loader) / 150)
    model.train()
    return total


if __name__ == "__main__":
    print(train())
