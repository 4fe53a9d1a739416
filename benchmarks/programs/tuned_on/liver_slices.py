"""Segments livers in synthetic CT slices with a very small U-Net.

code: ND110
also: ND104
object: CTDataset | train_ds | transform | RandomFlip
seen: checkup
"""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

random.seed(3)
torch.manual_seed(3)
H = 24


def phantom():
    yy, xx = torch.meshgrid(torch.arange(H).float(), torch.arange(H).float(), indexing="ij")
    cx, cy = 6 + torch.rand(1) * 12, 6 + torch.rand(1) * 12
    a, b = 3 + torch.rand(1) * 2, 3 + torch.rand(1) * 2
    mask = (((xx - cx) / a) ** 2 + ((yy - cy) / b) ** 2 < 1).float()
    img = 0.35 + 0.4 * mask + 0.1 * torch.randn(H, H)
    return img[None], mask[None]


class RandomFlip:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, t):
        if random.random() < self.p:  # here
            t = torch.flip(t, [-1])
        if random.random() < self.p:  # here
            t = torch.flip(t, [-2])
        return t


class CTDataset(Dataset):
    def __init__(self, pairs, transform=None):
        self.pairs = pairs
        self.transform = transform

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, idx):
        image, mask = self.pairs[idx]
        if self.transform is not None:
            image = self.transform(image)  # fault
            # fixed: image, mask = self.transform(torch.stack([image, mask]))
            mask = self.transform(mask)  # fault
            # fixed:
        image = (image - 0.41) / 0.18
        return image, mask  # here


class DoubleConv(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(
            nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
            nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.down1 = DoubleConv(1, c)
        self.down2 = DoubleConv(c, 2 * c)
        self.up = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.dec = DoubleConv(2 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        d1 = self.down1(x)
        d2 = self.down2(F.max_pool2d(d1, 2))
        return self.out(self.dec(torch.cat([d1, self.up(d2)], 1)))


pairs = [phantom() for _ in range(160)]
train_ds = CTDataset(pairs[:128], transform=RandomFlip())  # here
val_ds = CTDataset(pairs[128:])
train_loader = DataLoader(train_ds, batch_size=16, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=16)

model = UNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def dice(logits, mask):
    p = (logits > 0).float()
    return (2 * (p * mask).sum() + 1) / (p.sum() + mask.sum() + 1)


def train(num_epochs=6):
    for epoch in range(num_epochs):
        model.train()
        epoch_loss = 0
        for image, mask in train_loader:
            pred = model(image)
            loss = loss_fn(pred, mask)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        model.eval()
        with torch.no_grad():
            score = sum(dice(model(i), m).item() for i, m in val_loader) / len(val_loader)
    return epoch_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
