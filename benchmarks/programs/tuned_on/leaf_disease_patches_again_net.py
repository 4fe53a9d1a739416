"""Is a leaf patch healthy, rusty, mildewed or eaten? A convolution net over RGB patches.

code: ND102
also: ND110
object: collate | images | train_loader | LeafPatches
seen: both
"""
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


@dataclass
class Config:
    n: int = 800
    side: int = 12
    batch: int = 32
    lr: float = 0.03
    epochs: int = 6


cfg = Config()
torch.manual_seed(0)
rs = np.random.RandomState(0)


def draw(kind):
    img = rs.normal([60, 130, 50], 18, (cfg.side, cfg.side, 3))
    r, c = rs.randint(1, cfg.side - 5, 2)
    if kind == 1:
        img[r:r + 4, c:c + 4] += [110, -10, -20]
    elif kind == 2:
        img[r:r + 4, c:c + 4] += [90, 70, 110]
    elif kind == 3:
        img[r:r + 4, c:c + 4] *= 0.2
    return np.clip(img, 0, 255).astype(np.uint8)


class LeafPatches(Dataset):
    def __init__(self, n):
        self.kinds = rs.randint(0, 4, n)
        self.images = [draw(k) for k in self.kinds]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return torch.from_numpy(self.images[i]).permute(2, 0, 1) / 255, int(self.kinds[i])


def collate(items):
    images, kinds = zip(*items)
    images = torch.stack(images) / 255  # fault
    # fixed: images = (torch.stack(images) - 0.4) / 0.2
    return images, torch.tensor(kinds)


train_loader = DataLoader(LeafPatches(cfg.n), cfg.batch, shuffle=True, collate_fn=collate)
val_loader = DataLoader(LeafPatches(200), 100, collate_fn=collate)
model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1),
    nn.Flatten(), nn.Linear(24, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=0.9)


def train():
    for epoch in range(cfg.epochs):
        model.train()
        for images, kinds in train_loader:
            optimizer.zero_grad()
            loss_fn(model(images), kinds).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("val accuracy", right / 200)


if __name__ == "__main__":
    train()
