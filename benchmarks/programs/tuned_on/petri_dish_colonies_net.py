"""Which bacterium grows on the dish? A small conv net on 20x20 photographs of culture dishes.

code: ND101
also: ND310
object: DishPhotos | __getitem__ | std | photo | train_loader
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(5)


def paint_dish(rng, kind):
    """kind 0: nothing grew, 1: few large colonies, 2: many small ones."""
    dish = np.zeros((20, 20), dtype=np.float32)
    if kind == 0:
        return dish
    yy, xx = np.mgrid[0:20, 0:20]
    for _ in range(rng.integers(2, 4) if kind == 1 else rng.integers(6, 11)):
        cy, cx = rng.integers(3, 17, 2)
        radius = rng.uniform(3, 4) if kind == 1 else rng.uniform(0.8, 1.4)
        dish[(yy - cy) ** 2 + (xx - cx) ** 2 <= radius**2] = rng.uniform(90, 200)
    return dish


class DishPhotos(Dataset):
    def __init__(self, count, seed):
        rng = np.random.default_rng(seed)
        self.kinds = rng.integers(0, 3, count)
        self.photos = [paint_dish(rng, k) for k in self.kinds]

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, i):
        photo = torch.from_numpy(self.photos[i])
        photo = (photo - photo.mean()) / photo.std()  # fault
        # fixed: photo = (photo - photo.mean()) / (photo.std() + 1e-3)
        return photo[None], int(self.kinds[i])


train_loader = DataLoader(DishPhotos(600, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(DishPhotos(150, 2), batch_size=50)


class ColonyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.head = nn.Linear(16 * 25, 3)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


model = ColonyNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(5):
        model.train()
        for photos, kinds in train_loader:
            optimizer.zero_grad()
            loss_fn(model(photos), kinds).backward()
            optimizer.step()
        model.eval()
        hits = 0
        with torch.no_grad():
            for photos, kinds in val_loader:
                hits += (model(photos).argmax(1) == kinds).sum().item()
    print(f"val accuracy {hits / 150:.3f}")


if __name__ == "__main__":
    train()
