"""Tomato, lime or plum: tiny colour pictures read by two different libraries.

code: ND106
also:
object: read_val | BGR | imread | val_loader | val_pictures | channels
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(61)
COLOUR = torch.tensor([[0.75, 0.25, 0.25], [0.35, 0.65, 0.2], [0.3, 0.2, 0.7]])


def shoot(n):
    """Photographs as they lie on the disc: RGB, n x 3 x 10 x 10, and the fruit."""
    fruit = torch.randint(0, 3, (n,))
    yy, xx = torch.meshgrid(torch.arange(10.), torch.arange(10.), indexing="ij")
    radius = 2.5 + 1.5 * torch.rand(n, 1, 1)
    disc = (((yy - 4.5) ** 2 + (xx - 4.5) ** 2).sqrt() < radius).float()[:, None]
    tone = COLOUR[fruit][:, :, None, None] + 0.08 * torch.randn(n, 3, 1, 1)
    return disc * tone + (1 - disc) * 0.8 + 0.08 * torch.randn(n, 3, 10, 10), fruit


def imread(pictures, order="RGB"):
    return pictures if order == "RGB" else pictures.flip(1)


train_pictures, train_fruit = shoot(500)
val_pictures, val_fruit = shoot(200)
train_pictures = imread(train_pictures)
val_pictures = imread(val_pictures, order="BGR")  # fault
# fixed: val_pictures = imread(val_pictures)

norm = {"mean": train_pictures.mean((0, 2, 3), keepdim=True)[0], "std": train_pictures.std((0, 2, 3), keepdim=True)[0]}


def pairs(pictures, fruit):
    return [((p - norm["mean"]) / norm["std"], f) for p, f in zip(pictures, fruit)]


train_loader = DataLoader(pairs(train_pictures, train_fruit), batch_size=25, shuffle=True)
val_loader = DataLoader(pairs(val_pictures, val_fruit), batch_size=200)
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8 * 16, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(5):
        model.train()
        for image, fruit in train_loader:
            optimizer.zero_grad()
            loss_fn(model(image), fruit).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        image, fruit = next(iter(val_loader))
        print("val accuracy", (model(image).argmax(1) == fruit).float().mean().item())


if __name__ == "__main__":
    train()
