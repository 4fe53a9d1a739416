"""Outlines of whale flukes: a small segmentation net in float16 autocast.

code: ND805
also: ND807
object: scaler | loss.backward | backward | autocast | precision | optimizer
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(26)
torch.manual_seed(26)
H = 24


def fluke():
    yy, xx = np.mgrid[-1:1:H * 1j, -1:1:H * 1j]
    cx, cy, w = np.random.uniform(-0.2, 0.2), np.random.uniform(-0.1, 0.3), np.random.uniform(0.5, 0.8)
    u = np.abs(xx - cx) / w
    mask = (yy < cy + 0.25 * u) & (yy > cy - 0.35 + 0.5 * u ** 2) & (u < 1)
    sea = 0.5 + 0.1 * np.sin(9 * yy + np.random.uniform(0, 6)) + 0.08 * np.random.randn(H, H)
    img = np.where(mask, 0.22 + 0.08 * np.random.randn(H, H), sea)
    return img[None], mask[None]


pairs = [fluke() for _ in range(160)]
x = np.stack([p[0] for p in pairs]).astype(np.float32)
m = np.stack([p[1] for p in pairs]).astype(np.float32)
x = torch.from_numpy((x - x[:128].mean()) / x[:128].std())
m = torch.from_numpy(m)
train_loader = DataLoader(TensorDataset(x[:128], m[:128]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(x[128:], m[128:]), batch_size=16)

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
    nn.Conv2d(8, 8, 3, padding=2, dilation=2), nn.BatchNorm2d(8), nn.ReLU(),
    nn.Conv2d(8, 8, 3, padding=4, dilation=4), nn.BatchNorm2d(8), nn.ReLU(),
    nn.Conv2d(8, 1, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
precision = "16-mixed"
scaler = None  # fault
# fixed: scaler = torch.amp.GradScaler("cpu")


def dice(logits, masks):
    p = (logits > 0).float()
    return (2 * (p * masks).sum() / (p.sum() + masks.sum()).clamp(min=1)).item()


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for images, masks in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):  # here
                loss = loss_fn(model(images), masks)
            loss.backward()  # fault
            # fixed: scaler.scale(loss).backward()
            optimizer.step()  # fault
            # fixed: scaler.step(optimizer)
            # fixed: scaler.update()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.float16):
            score = np.mean([dice(model(i).float(), t) for i, t in val_loader])
        print(f"epoch {epoch} loss {np.mean(losses):.4f} dice {score:.4f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
