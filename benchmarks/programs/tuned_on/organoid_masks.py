"""Foreground masks of organoids in bright-field tiles.

code: ND103
also:
object: masks | mask | train_ds | train_loader | OrganoidTiles | loss_fn | model.head | head
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader


def draw_tile(rng, size=32):
    yy, xx = np.mgrid[:size, :size]
    img = rng.normal(110, 12, (size, size))
    mask = np.zeros((size, size), dtype=np.uint8)
    for _ in range(rng.integers(1, 4)):
        cy, cx, r = rng.uniform(6, 26), rng.uniform(6, 26), rng.uniform(3, 7)
        blob = (yy - cy) ** 2 + (xx - cx) ** 2 < r ** 2
        img[blob] += 60
        mask[blob] = 255
    return img.clip(0, 255).astype(np.uint8), mask


class OrganoidTiles(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        tiles = [draw_tile(rng) for _ in range(n)]
        self.images = np.stack([t[0] for t in tiles])
        self.masks = np.stack([t[1] for t in tiles])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        img = torch.from_numpy(self.images[i]).float().div(255).sub(0.48).div(0.12).unsqueeze(0)
        mask = torch.from_numpy(self.masks[i]).long()  # fault
        # fixed: mask = torch.from_numpy(self.masks[i] > 127).long()
        return img, mask  # here


class DoubleConv(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class MiniUNet(nn.Module):
    def __init__(self, n_classes=2, w=8):
        super().__init__()
        self.down1 = DoubleConv(1, w)
        self.down2 = DoubleConv(w, 2 * w)
        self.up = nn.ConvTranspose2d(2 * w, w, 2, stride=2)
        self.fuse = DoubleConv(2 * w, w)
        self.head = nn.Conv2d(w, n_classes, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        return self.head(self.fuse(torch.cat([a, self.up(b)], 1)))


torch.manual_seed(0)
train_ds, val_ds = OrganoidTiles(96, 1), OrganoidTiles(32, 2)
train_loader = DataLoader(train_ds, batch_size=8, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=8)
model = MiniUNet()
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


@torch.no_grad()
def dice():
    model.eval()
    inter = total = 0
    for img, mask in val_loader:
        pred = model(img).argmax(1)
        inter += 2 * ((pred == 1) & (mask == 1)).sum().item()
        total += (pred == 1).sum().item() + (mask == 1).sum().item()
    return inter / max(total, 1)


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        losses = []
        for img, mask in train_loader:
            loss = loss_fn(model(img), mask)  # here
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, np.mean(losses), "dice", dice())
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
