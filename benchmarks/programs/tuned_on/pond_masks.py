"""Ponds in aerial tiles, an encoder-decoder with one skip, binary masks.

code: ND103
also: ND404
object: mask | masks | read_mask | PondTiles | loss_fn | train_loader | targets
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

R = np.random.default_rng(17)


def aerial():
    gy, gx = np.mgrid[:32, :32]
    ground = R.normal(0.55, 0.08, (3, 32, 32)) + 0.1 * np.sin(gx / 5 + R.uniform(0, 6))
    mask = np.zeros((32, 32), bool)
    for _ in range(R.integers(1, 4)):
        cy, cx = R.uniform(5, 27, 2)
        a, b = R.uniform(4, 9, 2)
        mask |= ((gy - cy) / a) ** 2 + ((gx - cx) / b) ** 2 < 1
    ground[:, mask] -= np.array([0.25, 0.15, 0.05])[:, None]
    png = (mask * 255).astype(np.uint8)
    return (ground.clip(0, 1) * 255).astype(np.uint8), png


class PondTiles(Dataset):
    def __init__(self, n):
        self.tiles = [aerial() for _ in range(n)]

    def __len__(self):
        return len(self.tiles)

    def read_mask(self, png):
        mask = torch.from_numpy(png)[None]
        return mask.float()  # fault
        # fixed: return (mask > 127).float()

    def __getitem__(self, i):
        rgb, png = self.tiles[i]
        x = torch.from_numpy(rgb).float().div_(255).sub_(0.5).div_(0.15)
        return x, self.read_mask(png)  # here


train_loader = DataLoader(PondTiles(240), batch_size=16, shuffle=True)  # here
val_loader = DataLoader(PondTiles(48), batch_size=24)


class SkipNet(nn.Module):
    def __init__(self, c=10):
        super().__init__()
        self.e1 = nn.Conv2d(3, c, 3, padding=1)
        self.e2 = nn.Conv2d(c, 2 * c, 3, stride=2, padding=1)
        self.d1 = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.out = nn.Conv2d(2 * c, 1, 1)

    def forward(self, x):
        a = F.relu(self.e1(x))
        b = F.relu(self.e2(a))
        return self.out(torch.cat([a, F.relu(self.d1(b))], 1))


torch.manual_seed(17)
model = SkipNet()
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def iou(logits, mask):
    p, m = logits > 0, mask > 0.5
    return ((p & m).sum() / (p | m).sum().clamp(min=1)).item()


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, m in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), m)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            score = np.mean([iou(model(x), m) for x, m in val_loader])
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
