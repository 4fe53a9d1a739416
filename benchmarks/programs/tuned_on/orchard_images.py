"""Counts what is on the tree: apples, pears or quinces, from 24 x 24 camera tiles.

code: ND102
also:
object: collate | train_loader | val_loader | Tiles | pixels
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils import data

rs = np.random.RandomState(3)
yy, xx = np.mgrid[0:24, 0:24]
COLOURS = {0: (200, 40, 50), 1: (170, 190, 60), 2: (190, 165, 40)}


def tile(kind):
    img = np.stack([rs.normal(70, 18, (24, 24)), rs.normal(110, 18, (24, 24)), rs.normal(60, 18, (24, 24))])
    for _ in range(rs.randint(2, 5)):
        cy, cx, r = rs.randint(4, 20), rs.randint(4, 20), rs.uniform(2, 4)
        m = (yy - cy) ** 2 + ((xx - cx) * (1.4 if kind == 1 else 1.0)) ** 2 < r * r
        for c in range(3):
            img[c][m] = COLOURS[kind][c] + rs.normal(0, 12)
    return img.clip(0, 255).astype(np.uint8)


class Tiles(data.Dataset):
    def __init__(self, n):
        self.kind = rs.randint(0, 3, n)
        self.raw = np.stack([tile(k) for k in self.kind])
        self.mean = torch.tensor([0.33, 0.45, 0.25]).view(3, 1, 1)
        self.std = torch.tensor([0.18, 0.12, 0.09]).view(3, 1, 1)

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        x = torch.from_numpy(self.raw[i]).float() / 255
        return x, int(self.kind[i])


def collate(samples):
    x = torch.stack([s[0] for s in samples])
    y = torch.tensor([s[1] for s in samples])
    x = x.div(255.0)  # fault
    # fixed: x = (x - ALL.mean) / ALL.std
    return x, y


ALL = Tiles(900)
order = rs.permutation(900)
torch.manual_seed(1)
train_loader = data.DataLoader(data.Subset(ALL, order[:700].tolist()), 35, shuffle=True, collate_fn=collate)  # here
val_loader = data.DataLoader(data.Subset(ALL, order[700:].tolist()), 100, collate_fn=collate)  # here

model = nn.Sequential(
    nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(3),
    nn.Flatten(), nn.Linear(216, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def run_epoch(loader, learn):
    model.train(learn)
    losses = []
    with torch.set_grad_enabled(learn):
        for x, y in loader:
            loss = loss_fn(model(x), y)
            if learn:
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
            losses.append(loss.item())
    return sum(losses) / len(losses)


def train(epochs=7):
    for _ in range(epochs):
        last = run_epoch(train_loader, True)
        run_epoch(val_loader, False)
    return last


if __name__ == "__main__":
    print(train())
