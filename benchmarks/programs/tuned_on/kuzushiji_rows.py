"""Cursive glyph crops, 8-bit, with a brightness augmentation.

code: ND111
also: ND110
object: GlyphSet | train_set | train_loader | brighten | img
seen: both
"""
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

random.seed(3); np.random.seed(3); torch.manual_seed(3)


def glyph(k):
    """A few strokes on dark paper; k picks the strokes."""
    g = np.full((16, 16), 18.0)
    o = np.random.randint(-1, 2, 2)
    a, b = 5 + o[0], 10 + o[1]
    if k in (0, 2, 4): g[a:a + 2, 3:13] = 225
    if k in (1, 2, 3): g[3:13, b:b + 2] = 225
    if k in (3, 4): g[b:b + 2, 3:13] = 225
    if k == 1: g[3:13, a - 2:a] = 225
    return np.clip(g + np.random.randn(16, 16) * 9, 0, 255).astype(np.uint8)


def brighten(img):
    return img + random.randint(10, 80)  # fault
    # fixed: return np.clip(img.astype(np.int16) + random.randint(10, 80), 0, 255).astype(np.uint8)


class GlyphSet(Dataset):
    def __init__(self, n, train):
        self.y = np.random.randint(0, 5, n)
        self.x = [glyph(k) for k in self.y]
        self.train = train

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        img = self.x[i]
        if self.train and random.random() < 0.5:
            img = brighten(img)  # here
        img = torch.from_numpy(img).float().div(255).sub(0.3).div(0.35)
        return img[None], torch.tensor(self.y[i])


train_set, val_set = GlyphSet(600, True), GlyphSet(200, False)  # here
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(256, 5),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def accuracy():
    model.eval()
    with torch.inference_mode():
        return np.mean([(model(x).argmax(1) == y).float().mean().item() for x, y in val_loader])


def train():
    history = []
    for ep in range(5):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        print(ep, history[-1], accuracy())
    return float(np.mean(history[-19:]))


if __name__ == "__main__":
    print(train())
