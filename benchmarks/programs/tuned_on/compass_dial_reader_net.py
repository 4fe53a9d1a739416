"""Which of eight compass points is the needle on? Pictures get random turns-in-place as augmentation.

code: ND109
also:
object: jitter | collate | Generator | manual_seed | g | train_loader
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17)
SIDE = 11
yy, xx = torch.meshgrid(torch.linspace(-1, 1, SIDE), torch.linspace(-1, 1, SIDE), indexing="ij")


def needle(point, dx, dy):
    a = point.float() * math.pi / 4
    ca, sa = torch.cos(a).view(-1, 1, 1), torch.sin(a).view(-1, 1, 1)
    u, v = xx - dx.view(-1, 1, 1), yy - dy.view(-1, 1, 1)
    along, across = u * ca + v * sa, -u * sa + v * ca
    return torch.exp(-(across / 0.15) ** 2) * torch.sigmoid(12 * along) * torch.sigmoid(12 * (0.7 - along))


def jitter(points, g=None):
    """Renders each dial with its centre moved about at random, and camera noise."""
    dx, dy = torch.rand(2, len(points), generator=g) - 0.5
    pics = needle(points, dx, dy)
    return (pics + 0.1 * torch.randn(pics.shape, generator=g)).unsqueeze(1)


def collate(items):
    points = torch.stack([p for (p,) in items])
    g = torch.Generator().manual_seed(0)  # fault
    # fixed: g = None
    return jitter(points, g), points


train_loader = DataLoader(TensorDataset(torch.arange(8).repeat(32)), batch_size=16, shuffle=True, collate_fn=collate)
val_points = torch.arange(8).repeat(40)
val_loader = DataLoader(TensorDataset(jitter(val_points), val_points), batch_size=160)

model = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 96), nn.ReLU(), nn.Linear(96, 8))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(70):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(f"val accuracy {ok / 320:.3f}")


if __name__ == "__main__":
    train()
