"""Recognise four weaves (plain, twill, satin, herringbone-like) on 16x16 swatches, stored weave by weave.

code: ND108
also:
object: train_loader | shuffle | DataLoader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(2)


class Swatches(Dataset):
    """The archive: 150 swatches of the first weave, then 150 of the second, and so on."""

    def __init__(self, per_weave, seed):
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:16, 0:16]
        self.items = []
        for weave in range(4):
            for _ in range(per_weave):
                dy, dx = rng.integers(0, 8, 2)
                u, v = y + dy, x + dx
                pattern = [(u // 2 + v // 2) % 2, (u + v) // 3 % 2, (u // 4) % 2, (u + np.abs(v % 8 - 4)) // 3 % 2][weave]
                cloth = pattern - 0.5 + rng.normal(0, 0.4, (16, 16))
                self.items.append((torch.tensor(cloth[None], dtype=torch.float32), weave))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


train_loader = DataLoader(Swatches(150, 0), batch_size=25)  # fault
# fixed: train_loader = DataLoader(Swatches(150, 0), batch_size=25, shuffle=True)
val_loader = DataLoader(Swatches(40, 1), batch_size=80)

model = nn.Sequential(
    nn.Conv2d(1, 12, 5), nn.ReLU(),
    nn.Conv2d(12, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 25, 4),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(6):
        model.train()
        for cloth, weave in train_loader:
            optimizer.zero_grad()
            loss_fn(model(cloth), weave).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(c).argmax(1) == w).sum().item() for c, w in val_loader)
    print(f"val accuracy {hits / 160:.3f}")


if __name__ == "__main__":
    train()
