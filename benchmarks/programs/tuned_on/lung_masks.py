"""Segments two bright lobes on synthetic chest x-rays with a small U-Net.

code: ND110
also:
object: LungDataset | train_tf | train_ds | transform | __getitem__
seen: checkup
"""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

random.seed(0)
torch.manual_seed(0)
SIZE = 32


def draw_patient():
    yy, xx = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    mask = torch.zeros(SIZE, SIZE)
    cy, cx = random.uniform(8, 14), random.uniform(6, 11)
    mask[((yy - cy) / 6) ** 2 + ((xx - cx) / 4) ** 2 < 1] = 1.0
    mask[((yy - cy - 6) / 4) ** 2 + ((xx - cx - 12) / 3) ** 2 < 1] = 1.0
    xray = 0.35 * torch.randn(SIZE, SIZE) + 1.0 * mask - 0.2
    return xray[None], mask[None]


class RandomFlip:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, t):
        if random.random() < self.p:
            t = torch.flip(t, [-1])
        if random.random() < self.p:
            t = torch.flip(t, [-2])
        return t


class LungDataset(Dataset):
    def __init__(self, patients, transform=None):
        self.patients = patients
        self.transform = transform

    def __len__(self):
        return len(self.patients)

    def __getitem__(self, idx):
        image, mask = self.patients[idx]
        if self.transform is not None:
            image = self.transform(image)  # fault
            # fixed: both = self.transform(torch.cat([image, mask], 0))
            mask = self.transform(mask)  # fault
            # fixed: image, mask = both[:1], both[1:]
        return image, mask  # here


class UNet(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.down1 = self.block(1, c)
        self.down2 = self.block(c, 2 * c)
        self.bottom = self.block(2 * c, 2 * c)
        self.up2 = self.block(4 * c, c)
        self.up1 = self.block(2 * c, c)
        self.head = nn.Conv2d(c, 1, 1)

    @staticmethod
    def block(i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))

    def forward(self, x):
        d1 = self.down1(x)
        d2 = self.down2(F.max_pool2d(d1, 2))
        b = self.bottom(F.max_pool2d(d2, 2))
        u2 = self.up2(torch.cat([F.interpolate(b, scale_factor=2), d2], 1))
        u1 = self.up1(torch.cat([F.interpolate(u2, scale_factor=2), d1], 1))
        return self.head(u1)


patients = [draw_patient() for _ in range(160)]
train_tf = RandomFlip()  # here
train_ds = LungDataset(patients[:128], transform=train_tf)  # here
val_ds = LungDataset(patients[128:])
train_loader = DataLoader(train_ds, batch_size=16, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=32)

model = UNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def dice(logits, mask):
    pred = (logits > 0).float()
    return (2 * (pred * mask).sum() / (pred.sum() + mask.sum() + 1e-6)).item()


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        running = []
        for image, mask in train_loader:
            loss = loss_fn(model(image), mask)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        model.eval()
        with torch.no_grad():
            scores = [dice(model(image), mask) for image, mask in val_loader]
        print(f"[{epoch}] train {sum(running) / len(running):.4f}  val dice {sum(scores) / len(scores):.3f}")
    return sum(running) / len(running)


if __name__ == "__main__":
    print(train())
