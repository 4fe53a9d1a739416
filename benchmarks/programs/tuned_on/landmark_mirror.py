"""Finds two landmarks (nose, ear) in rough head profiles; training pictures are mirrored now and then.

code: ND110
also: ND104
object: RandomMirror | transform | train_set | points | train_loader
seen: checkup
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

H = W = 20


def draw_profile(g):
    yy, xx = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    nose = torch.tensor([3.0, 6.0]) + torch.tensor([4.0, 7.0]) * torch.rand(2, generator=g)      # x, y
    ear = torch.tensor([12.0, 6.0]) + torch.tensor([4.0, 7.0]) * torch.rand(2, generator=g)
    if torch.rand((), generator=g) < 0.5:
        nose[0], ear[0] = W - 1 - nose[0], W - 1 - ear[0]
    bump = lambda p, s: torch.exp(-((xx - p[0]) ** 2 + (yy - p[1]) ** 2) / s)
    img = 2.5 * bump(nose, 3.0) - 2.5 * bump(ear, 5.0) + 0.2 * torch.randn(H, W, generator=g)
    return img[None], torch.cat([nose, ear])


class RandomMirror:
    def __init__(self, p=0.5, seed=0):
        self.p, self.random = p, random.Random(seed)

    def __call__(self, img, points):
        if self.random.random() < self.p:
            img = img.flip(-1)  # fault
            # fixed: img = img.flip(-1)
            # fixed: points = torch.stack([W - 1 - points[0], points[1], W - 1 - points[2], points[3]])
        return img, points  # here


class Profiles(Dataset):
    def __init__(self, n, seed, transform=None):
        g = torch.Generator().manual_seed(seed)
        self.items = [draw_profile(g) for _ in range(n)]
        self.transform = transform

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        img, points = self.items[i]
        if self.transform:
            img, points = self.transform(img, points)  # here
        return img, (points - 9.5) / 5.0


torch.manual_seed(0)
train_loader = DataLoader(Profiles(480, 0, RandomMirror()), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(Profiles(120, 1), batch_size=60)
model = nn.Sequential(
    nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(), nn.Flatten(),
    nn.Linear(24 * 100, 48), nn.ReLU(), nn.Linear(48, 4))
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def pixels_off():
    model.eval()
    with torch.no_grad():
        d = torch.cat([(model(x) - p).view(-1, 2, 2).norm(dim=-1) for x, p in val_loader])
    model.train()
    return 5 * d.mean().item()


def train():
    model.train()
    for epoch in range(8):
        total = 0.0
        for img, points in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), points)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(train_loader):.4f} off by {pixels_off():.2f} px")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
