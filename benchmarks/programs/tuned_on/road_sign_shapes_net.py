"""Tell triangular, round and square road signs apart on 24x24 colour thumbnails.

code: ND102
also: ND110
object: SignSet | __getitem__ | to_float | img | train_loader | val_loader
seen: both
"""
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


@dataclass
class Config:
    size: int = 24
    train_count: int = 700
    val_count: int = 200
    batch: int = 35
    epochs: int = 6
    lr: float = 0.05


cfg = Config()
torch.manual_seed(21)


def draw(rng, shape):
    img = rng.integers(0, 120, (cfg.size, cfg.size, 3))
    r = rng.integers(6, 9)
    cy, cx = rng.integers(10, 14, 2)
    yy, xx = np.mgrid[:cfg.size, :cfg.size]
    dy, dx = yy - cy, xx - cx
    inside = [(np.abs(dx) <= (dy + r) / 2) & (np.abs(dy) <= r),
              dx**2 + dy**2 <= r**2,
              (np.abs(dx) <= r * 0.85) & (np.abs(dy) <= r * 0.85)][shape]
    img[inside] = rng.integers(130, 255, 3)
    return img.astype(np.uint8)


def to_float(img):
    """uint8 H,W,C -> float C,H,W in [0, 1]"""
    return torch.from_numpy(img).permute(2, 0, 1).float() / 255


class SignSet(Dataset):
    def __init__(self, count, seed):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 3, count)
        self.images = [draw(rng, s) for s in self.labels]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        img = to_float(self.images[i])
        return img / 255.0, int(self.labels[i])  # fault
        # fixed: return (img - 0.35) / 0.25, int(self.labels[i])


class SignNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 12, 5, padding=2)
        self.c2 = nn.Conv2d(12, 24, 3, padding=1)
        self.out = nn.Linear(24 * 6 * 6, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.out(x.flatten(1))


train_loader = DataLoader(SignSet(cfg.train_count, 1), batch_size=cfg.batch, shuffle=True)
val_loader = DataLoader(SignSet(cfg.val_count, 2), batch_size=100)
model = SignNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=0.5)


def train():
    for epoch in range(cfg.epochs):
        model.train()
        for img, label in train_loader:
            optimizer.zero_grad()
            loss_fn(model(img), label).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        good = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("val accuracy", good / cfg.val_count)


if __name__ == "__main__":
    train()
