"""Round or elongated? A small conv net on simulated galaxy thumbnails.

code: ND605
also:
object: optimizer | eps | Adam
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(11)
SIZE = 14


class Galaxies(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.kind = torch.arange(n) % 2
        angle = torch.rand(n, generator=g) * math.pi
        ratio = torch.where(self.kind == 0, 0.9, 0.4)
        axis = torch.linspace(-1, 1, SIZE)
        yy, xx = torch.meshgrid(axis, axis, indexing="ij")
        u = xx * angle.cos()[:, None, None] + yy * angle.sin()[:, None, None]
        v = -xx * angle.sin()[:, None, None] + yy * angle.cos()[:, None, None]
        light = torch.exp(-4 * (u**2 + (v / ratio[:, None, None]) ** 2))
        light = light + 0.1 * torch.randn(light.shape, generator=g)
        self.image = ((light - 0.25) / 0.3).unsqueeze(1)

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return self.image[i], self.kind[i]


train_loader = DataLoader(Galaxies(640, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Galaxies(200, 2), batch_size=100)

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 9, 2),
)
loss_fn = nn.CrossEntropyLoss()
# a larger epsilon was said to be steadier
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, eps=10.0)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        for image, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(image), kind)
            loss.backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print(f"loss {loss.item():.3f}  val acc {hits / 200:.3f}")


if __name__ == "__main__":
    train()
