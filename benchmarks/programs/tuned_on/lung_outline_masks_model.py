"""Outlines a bright organ on small scans; pictures and masks are flipped at random.

code: ND110
also: ND104
object: Scans | flip | mask | __getitem__ | maybe_flip
seen: both
"""
import random

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

random.seed(23)
np.random.seed(23)
torch.manual_seed(23)
S = 16


def scan():
    yy, xx = np.mgrid[:S, :S]
    cy, cx = np.random.uniform(2, 6, 2)
    mask = (((yy - cy) / 3.0) ** 2 + ((xx - cx) / 2.2) ** 2 < 1).astype(np.float32)
    image = mask + np.random.normal(0, 0.5, (S, S)).astype(np.float32)
    return image.astype(np.float32)[None], mask[None]


class Scans(Dataset):
    def __init__(self, n):
        self.items = [scan() for _ in range(n)]

    def __len__(self):
        return len(self.items)

    @staticmethod
    def maybe_flip(a, coin):
        return np.ascontiguousarray(a[:, ::-1, ::-1]) if coin < 0.5 else a

    def __getitem__(self, i):
        image, mask = self.items[i]
        coin = random.random()
        image = self.maybe_flip(image, coin)
        mask = self.maybe_flip(mask, random.random())  # fault
        # fixed: mask = self.maybe_flip(mask, coin)
        return image, mask


def upright_or_not(n):
    for _ in range(n):
        image, mask = scan()
        coin = random.random()
        yield Scans.maybe_flip(image, coin), Scans.maybe_flip(mask, coin)


train_loader = DataLoader(Scans(200), batch_size=20, shuffle=True)
val_loader = DataLoader(list(upright_or_not(80)), batch_size=80)
model = nn.Sequential(nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 12, 5, padding=2), nn.ReLU(),
                      nn.Conv2d(12, 1, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        for image, mask in train_loader:
            optimizer.zero_grad()
            loss_fn(model(image), mask).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        image, mask = next(iter(val_loader))
        found, t = model(image) > 0, mask > 0
        print("val IoU %.3f" % ((found & t).sum() / (found | t).sum()).item())


if __name__ == "__main__":
    train()
