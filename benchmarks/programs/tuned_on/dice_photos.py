"""Reads the pips on photographed dice.

code: ND102
also: ND110
object: collate | MEAN | STD | images | x
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader

SPOTS = {1: [(1, 1)], 2: [(0, 0), (2, 2)], 3: [(0, 0), (1, 1), (2, 2)], 4: [(0, 0), (0, 2), (2, 0), (2, 2)],
         5: [(0, 0), (0, 2), (1, 1), (2, 0), (2, 2)], 6: [(0, 0), (1, 0), (2, 0), (0, 2), (1, 2), (2, 2)]}
gen = torch.Generator().manual_seed(8)


def photo(value):
    light = torch.randint(150, 230, (1,), generator=gen)
    img = torch.full((3, 21, 21), float(light)) + 12 * torch.randn(3, 21, 21, generator=gen)
    dy, dx = torch.randint(0, 3, (2,), generator=gen).tolist()
    for r, c in SPOTS[value]:
        img[:, 2 + dy + 6 * r:5 + dy + 6 * r, 2 + dx + 6 * c:5 + dx + 6 * c] = 30
    return img.clamp(0, 255).to(torch.uint8)


def album(n):
    values = torch.randint(1, 7, (n,), generator=gen).tolist()
    return [(photo(v), v - 1) for v in values]


def to_unit(img):
    return img.float().div(255)


MEAN, STD = torch.tensor([168.0, 168.0, 168.0]), torch.tensor([62.0, 62.0, 62.0])  # fault
# fixed: MEAN, STD = torch.tensor([0.66, 0.66, 0.66]), torch.tensor([0.243, 0.243, 0.243])


def collate(items):
    x = torch.stack([to_unit(img) for img, _ in items])
    x = (x - MEAN[:, None, None]) / STD[:, None, None]  # here
    return x, torch.tensor([label for _, label in items])


train_loader = DataLoader(album(480), batch_size=32, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(album(96), batch_size=48, collate_fn=collate)

torch.manual_seed(4)
model = nn.Sequential(
    nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(3), nn.Flatten(),
    nn.Linear(216, 48), nn.ReLU(), nn.Dropout(0.1), nn.Linear(48, 6),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def accuracy():
    model.eval()
    right = 0
    with torch.inference_mode():
        for x, y in val_loader:
            right += (model(x).argmax(1) == y).sum().item()
    return right / len(val_loader.dataset)


def train():
    history = []
    for _ in range(8):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        accuracy()
    return sum(history[-15:]) / 15


if __name__ == "__main__":
    print(train(), accuracy())
