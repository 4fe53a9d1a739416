"""Segments bright cells in microscope tiles, a small U-Net with flips as augmentation.

code: ND110
also: ND104
object: mask | random_flip | CellTiles | train_set
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

S = 24


class CellTiles(Dataset):
    def __init__(self, n, seed, flip=False):
        g = np.random.default_rng(seed)
        self.tiles, self.masks = [], []
        for _ in range(n):
            yy, xx = np.mgrid[0:S, 0:S]
            mask = np.zeros((S, S), bool)
            for _ in range(g.integers(1, 4)):
                cy, cx = g.uniform(3, S - 3), g.uniform(3, S - 3)
                mask |= ((yy - cy) / g.uniform(3, 5)) ** 2 + ((xx - cx) / g.uniform(3, 5)) ** 2 < 1
            tile = 0.25 + 0.4 * mask + 0.15 * g.normal(size=(S, S))
            self.tiles.append(torch.tensor((tile - 0.34) / 0.22, dtype=torch.float32)[None])
            self.masks.append(torch.tensor(mask, dtype=torch.float32)[None])
        self.flip = flip

    def random_flip(self, picture, sides):
        for axis, side in zip((1, 2), sides):
            if side < 0.5:
                picture = picture.flip(axis)
        return picture

    def __getitem__(self, i):
        tile, mask = self.tiles[i], self.masks[i]
        if self.flip:
            sides = torch.rand(2)
            tile = self.random_flip(tile, sides)
            mask = self.random_flip(mask, torch.rand(2))  # fault
            # fixed: mask = self.random_flip(mask, sides)
        return tile, mask

    def __len__(self):
        return len(self.tiles)


class MiniUNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.ReLU())
        self.down2 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(c, 2 * c, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.out = nn.Conv2d(2 * c, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.up(self.down2(a))
        return self.out(torch.cat([a, b], 1))


torch.manual_seed(14)
train_set, val_set = CellTiles(240, 0, flip=True), CellTiles(60, 1)
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=30)
model = MiniUNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def dice():
    model.eval()
    with torch.no_grad():
        scores = []
        for tile, mask in val_loader:
            guess = (model(tile) > 0).float()
            scores.append(2 * (guess * mask).sum() / (guess.sum() + mask.sum()))
    return torch.stack(scores).mean().item()


def train():
    for epoch in range(5):
        model.train()
        epoch_loss = 0.0
        for tile, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(tile), mask)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        print(epoch, epoch_loss / len(train_loader), dice())
    return epoch_loss / len(train_loader)


if __name__ == "__main__":
    train()
