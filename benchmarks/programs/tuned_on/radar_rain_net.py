"""Drizzle, showers or a front? Weather-radar pictures (8 bit) for a small conv net.

code: ND110
also:
object: preprocess | scaled | astype | uint8 | pictures | train_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from scipy.ndimage import gaussian_filter
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(51)
rng = np.random.default_rng(51)


def radar_picture(kind):
    field = rng.normal(0, 1, (22, 22))
    if kind == 0:
        field = gaussian_filter(field, 0.8)
    elif kind == 1:
        field = gaussian_filter(field, 2.2)
    else:
        field = gaussian_filter(field, (0.6, 5))
    field = (field - field.min()) / (field.max() - field.min())
    return (field * 254).astype(np.uint8)


def preprocess(pictures):
    scaled = (pictures / 255).astype(np.uint8)  # fault
    # fixed: scaled = (pictures / 255).astype(np.float32)
    return (torch.from_numpy(scaled).float().unsqueeze(1) - 0.5) / 0.2


kinds = rng.integers(0, 3, 800)
pictures = np.stack([radar_picture(k) for k in kinds])
x, y = preprocess(pictures), torch.from_numpy(kinds)
train_loader = DataLoader(TensorDataset(x[:640], y[:640]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[640:], y[640:]), batch_size=80)


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))


model = nn.Sequential(block(1, 8), block(8, 16), nn.Flatten(), nn.Linear(16 * 25, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print(f"val accuracy {hits / 160:.3f}")


if __name__ == "__main__":
    train()
