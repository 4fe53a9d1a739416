"""TGS-salt-like segmentation: small UNet, random flips.

code: ND110
also: ND104
object: SaltDataset | train_ds | train_loader | mask | hflip | vflip
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(11)
gen = np.random.default_rng(11)


def make_scene():
    """seismic layers, with a salt body somewhere in one corner"""
    yy, xx = np.mgrid[0:24, 0:24]
    img = 0.35 * np.sin(yy / 1.7 + gen.uniform(0, 6) + 0.15 * xx)
    cy, cx = gen.uniform(4, 20, 2)
    m = ((yy - cy) ** 2 / gen.uniform(20, 60) + (xx - cx) ** 2 / gen.uniform(20, 60)) < 1
    img = np.where(m, 0.6 + 0.1 * gen.normal(size=m.shape), img) + 0.1 * gen.normal(size=m.shape)
    return img[None].astype(np.float32), m[None].astype(np.float32)


def hflip(t):
    return torch.flip(t, dims=[-1])


def vflip(t):
    return torch.flip(t, dims=[-2])


class RandomFlips:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, t):
        if torch.rand(1) < self.p:
            t = hflip(t)
        if torch.rand(1) < self.p:
            t = vflip(t)
        return t


class SaltDataset(Dataset):
    def __init__(self, scenes, transform=None):
        self.scenes, self.transform = scenes, transform

    def __len__(self):
        return len(self.scenes)

    def __getitem__(self, i):
        image, mask = map(torch.from_numpy, self.scenes[i])
        image = (image - 0.1) / 0.35
        if self.transform is not None:
            image = self.transform(image)  # fault
            # fixed: both = self.transform(torch.cat([image, mask]))
            mask = self.transform(mask)  # fault
            # fixed: image, mask = both[:1], both[1:]
        return image, mask


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNetSmall(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1, self.d2 = block(1, 8), block(8, 16)
        self.mid = block(16, 16)
        self.u1 = block(32, 8)
        self.u0 = block(16, 8)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        u = self.u1(torch.cat([F.interpolate(m, scale_factor=2), b], 1))
        u = self.u0(torch.cat([F.interpolate(u, scale_factor=2), a], 1))
        return self.out(u)


scenes = [make_scene() for _ in range(240)]
train_ds = SaltDataset(scenes[:192], transform=RandomFlips())  # here
val_ds = SaltDataset(scenes[192:])
train_loader = DataLoader(train_ds, batch_size=16, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=48)
model = UNetSmall()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def iou(logits, target):
    p = logits > 0
    t = target > 0.5
    return ((p & t).sum((1, 2, 3)) / (p | t).sum((1, 2, 3)).clamp(min=1)).mean().item()


def train():
    for epoch in range(6):
        model.train()
        tl = []
        for image, mask in train_loader:
            loss = loss_fn(model(image), mask)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            tl.append(loss.item())
        model.eval()
        with torch.no_grad():
            score = np.mean([iou(model(i), m) for i, m in val_loader])
        print(f"{epoch}: loss={np.mean(tl):.4f} IoU={score:.4f}")
    return float(np.mean(tl))


if __name__ == "__main__":
    print(train())
