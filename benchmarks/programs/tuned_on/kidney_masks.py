"""Outlines kidneys in little ultrasound pictures with a small U-Net and random flips.

code: ND110
also: ND104
object: transform | RandomFlip | KidneyDataset | train_ds | mask | masks | train_loader
seen: both
"""
import random

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


def make_scan(rs, size=24):
    yy, xx = np.mgrid[:size, :size]
    cy, cx = rs.uniform(5, size - 5, 2)
    a, b, th = rs.uniform(3, 5), rs.uniform(2, 3), rs.uniform(0, np.pi)
    u = (xx - cx) * np.cos(th) + (yy - cy) * np.sin(th)
    v = -(xx - cx) * np.sin(th) + (yy - cy) * np.cos(th)
    mask = ((u / a) ** 2 + (v / b) ** 2 < 1).astype(np.float32)
    speckle = rs.gamma(4, 0.25, (size, size))
    return ((0.5 + 0.8 * mask) * speckle).astype(np.float32), mask


class RandomFlip:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, x):
        if random.random() < self.p:
            x = torch.flip(x, [-1])
        if random.random() < self.p:
            x = torch.flip(x, [-2])
        return x


class KidneyDataset(Dataset):
    def __init__(self, n, seed, transform=None):
        rs = np.random.RandomState(seed)
        scans = [make_scan(rs) for _ in range(n)]
        self.images = torch.tensor(np.array([s[0] for s in scans]))[:, None]
        self.masks = torch.tensor(np.array([s[1] for s in scans]))[:, None]
        self.images = (self.images - 0.6) / 0.4
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image, mask = self.images[i], self.masks[i]
        if self.transform:
            image = self.transform(image)  # fault
            # fixed: image, mask = self.transform(torch.cat([image, mask])).split(1)
            mask = self.transform(mask)  # fault
            # fixed:
        return image, mask


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class MiniUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc1, self.enc2 = conv(1, 8), conv(8, 16)
        self.mid = conv(16, 16)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.dec = conv(24, 8)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = self.enc1(x)
        b = self.mid(self.enc2(nn.functional.max_pool2d(a, 2)))
        return self.out(self.dec(torch.cat([a, self.up(b)], 1)))


random.seed(0)
torch.manual_seed(0)
train_ds = KidneyDataset(192, seed=10, transform=RandomFlip())  # here
val_ds = KidneyDataset(48, seed=11)
train_loader = DataLoader(train_ds, batch_size=16, shuffle=True)  # here
val_loader = DataLoader(val_ds, batch_size=48)
model = MiniUNet()
loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def dice(loader):
    model.eval()
    inter = total = 0.0
    with torch.no_grad():
        for x, y in loader:
            p = (model(x) > 0).float()
            inter += (p * y).sum().item()
            total += p.sum().item() + y.sum().item()
    return 2 * inter / max(total, 1)


def train():
    for epoch in range(6):
        model.train()
        run = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            run += loss.item()
        print(f"[{epoch}] loss={run / len(train_loader):.4f} dice={dice(val_loader):.3f}")
    return run / len(train_loader)


if __name__ == "__main__":
    print(train())
