"""Tells five coins apart from 18x18 grey crops; the files lie in one folder per coin.

code: ND108
also:
object: train_loader | DataLoader | shuffle | sampler | train_ds
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

CLASSES = ["1ct", "2ct", "5ct", "10ct", "20ct"]


def draw(coin, g):
    """One picture of a coin: radius, brightness of the metal and the number of notches differ."""
    yy, xx = torch.meshgrid(torch.arange(18.0) - 8.5, torch.arange(18.0) - 8.5, indexing="ij")
    turn = torch.rand(1, generator=g) * 2 * math.pi
    r = (xx ** 2 + yy ** 2).sqrt()
    phi = torch.atan2(yy, xx) + turn
    radius = 4.5 + 0.7 * coin + 0.3 * torch.randn(1, generator=g)
    disc = (r < radius).float() * (0.5 + 0.05 * coin)
    relief = 0.3 * torch.cos((coin + 2) * phi) * (r < radius * 0.8)
    return (disc + relief + 0.12 * torch.randn(18, 18, generator=g)).unsqueeze(0)


class CoinFolder(Dataset):
    """Like ImageFolder: goes through the class folders one after the other."""

    def __init__(self, split, per_class):
        g = torch.Generator().manual_seed(1 if split == "train" else 2)
        self.samples = []
        for target, name in enumerate(CLASSES):
            for _ in range(per_class):
                self.samples.append((draw(target, g), target))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        image, target = self.samples[index]
        return (image - 0.25) / 0.3, target


train_ds = CoinFolder("train", 120)  # here
test_ds = CoinFolder("test", 30)
train_loader = DataLoader(train_ds, batch_size=30)  # fault
# fixed: train_loader = DataLoader(train_ds, batch_size=30, shuffle=True)
val_loader = DataLoader(test_ds, batch_size=50)

torch.manual_seed(3)
model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(24 * 4 * 4, 48), nn.ReLU(), nn.Linear(48, len(CLASSES)))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


@torch.no_grad()
def accuracy(loader):
    model.eval()
    hits = [(model(x).argmax(1) == y).float() for x, y in loader]
    return torch.cat(hits).mean().item()


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print("epoch", epoch, "last loss", round(loss.item(), 4), "test acc", round(accuracy(val_loader), 3))
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)


if __name__ == "__main__":
    print(train())
