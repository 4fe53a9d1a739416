"""Cracks in concrete tiles: straight, branching or none, a plain convnet.

code: ND205
also:
object: features | features.0 | features.1 | features.2 | features.3 | classifier
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Tiles(Dataset):
    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        self.kinds = r.integers(0, 3, n)
        self.tiles = np.stack([self.paint(k, r) for k in self.kinds]).astype(np.float32)

    @staticmethod
    def paint(kind, r):
        tile = r.normal(0, 0.35, (16, 16))
        sign = r.choice([-1.5, 1.5])                 # dark on light stone or light on dark
        if kind:
            row = r.integers(4, 12)
            tile[row, 2:14] += sign
        if kind == 2:
            column = r.integers(5, 11)
            tile[2:14, column] += sign
        return tile

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, i):
        return torch.from_numpy(self.tiles[i])[None] / 0.5, int(self.kinds[i])


class Inspector(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),  # fault
            # fixed: nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 24, 3, padding=1, stride=2),  # fault
            # fixed: nn.Conv2d(16, 24, 3, padding=1, stride=2), nn.ReLU(),
            nn.Conv2d(24, 24, 3, padding=1, stride=2),  # fault
            # fixed: nn.Conv2d(24, 24, 3, padding=1, stride=2), nn.ReLU(),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(24 * 16, 3)

    def forward(self, tile):
        return self.classifier(self.features(tile))  # here


torch.manual_seed(2)
train_loader = DataLoader(Tiles(600, 0), batch_size=30, shuffle=True)
val_loader = DataLoader(Tiles(150, 1), batch_size=75)
model = Inspector()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for tile, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(tile), kind)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(t).argmax(1) == k).sum().item() for t, k in val_loader) / 150
        print(epoch, np.mean(losses), acc)
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
