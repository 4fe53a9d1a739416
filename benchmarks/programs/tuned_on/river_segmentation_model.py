"""Mark the river in satellite tiles: a tiny fully convolutional net, one logit a pixel.

code: ND103
also: ND404 | ND402
object: mask | masks | targets | RiverTiles | __getitem__ | train_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(4)


class RiverTiles(Dataset):
    """Tiles as a mapping agency ships them: 8-bit pictures and 8-bit masks (0 land, 255 water)."""

    def __init__(self, count, seed):
        rng = np.random.default_rng(seed)
        yy, xx = np.mgrid[0:32, 0:32]
        self.tiles, self.masks = [], []
        for _ in range(count):
            bend = rng.uniform(8, 24) + rng.uniform(2, 6) * np.sin(yy / rng.uniform(4, 7) + rng.uniform(0, 6))
            water = np.abs(xx - bend) < rng.uniform(4, 7)
            tile = np.where(water, 80, 130)[..., None] + rng.normal(0, 22, (32, 32, 3))
            self.tiles.append(np.clip(tile, 0, 255).astype(np.uint8))
            self.masks.append((water * 255).astype(np.uint8))

    def __len__(self):
        return len(self.tiles)

    def __getitem__(self, i):
        tile = torch.from_numpy(self.tiles[i]).permute(2, 0, 1).float()
        mask = torch.from_numpy(self.masks[i]).float()[None]  # fault
        # fixed: mask = (torch.from_numpy(self.masks[i]) > 127).float()[None]
        return (tile - 115) / 32, mask


train_loader = DataLoader(RiverTiles(160, 0), batch_size=16, shuffle=True)
val_loader = DataLoader(RiverTiles(40, 1), batch_size=20)

model = nn.Sequential(
    nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(),
    nn.Conv2d(12, 12, 3, padding=2, dilation=2), nn.ReLU(),
    nn.Conv2d(12, 1, 3, padding=1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def iou(logits, mask):
    guess, truth = logits > 0, mask > 0.5
    return (guess & truth).sum().item() / max((guess | truth).sum().item(), 1)


def train():
    for epoch in range(6):
        model.train()
        for tile, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(tile), mask)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            scores = [iou(model(tile), mask) for tile, mask in val_loader]
    print(f"last loss {loss.item():.2f}, val IoU {np.mean(scores):.3f}")


if __name__ == "__main__":
    train()
