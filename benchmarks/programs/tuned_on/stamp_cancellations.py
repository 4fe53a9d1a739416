"""Sort cancelled postage stamps by the pattern of the postmark (bars, rings, waves) with a small CNN.

code: ND115
also: ND106
object: val_set | val_loader | phone | camera | capture
seen: both
"""
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    train_size: int = 600
    val_size: int = 210
    batch: int = 30
    lr: float = 3e-3
    epochs: int = 6


cfg = Config()
g = torch.Generator().manual_seed(40)
torch.manual_seed(40)
v, u = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")


def postmark(kind):
    a, b = (torch.rand(2, generator=g) - 0.5).tolist()
    if kind == 0:
        return torch.sin(12 * (u + a))
    if kind == 1:
        return torch.sin(14 * ((u - a) ** 2 + (v - b) ** 2).sqrt())
    return torch.sin(10 * (v + 0.25 * torch.sin(6 * u + 3 * a) + b))


def capture(n, camera):
    """Pictures of n stamps taken with the scanner or with a phone."""
    kinds = torch.arange(n) % 3
    pics = torch.stack([postmark(int(k)) for k in kinds])
    pics = pics + 0.5 * torch.randn(pics.shape, generator=g)
    if camera == "phone":  # turned by a quarter, in the shade, little contrast
        pics = 0.4 * pics.transpose(1, 2) - 1.5 * (u + 1)
    return TensorDataset(pics.unsqueeze(1), kinds)


train_set = capture(cfg.train_size, camera="scanner")
val_set = capture(cfg.val_size, camera="phone")  # fault
# fixed: val_set = capture(cfg.val_size, camera="scanner")
train_loader = DataLoader(train_set, batch_size=cfg.batch, shuffle=True)
val_loader = DataLoader(val_set, batch_size=70)  # here

model = nn.Sequential(
    nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(256, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr)


def train():
    for epoch in range(cfg.epochs):
        model.train()
        for pic, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(pic), kind)
            loss.backward()
            optimizer.step()
        model.eval()
        right = 0
        with torch.no_grad():
            for pic, kind in val_loader:
                right += (model(pic).argmax(1) == kind).sum().item()
    print(f"loss {loss.item():.3f} val accuracy {right / cfg.val_size:.3f}")


if __name__ == "__main__":
    train()
