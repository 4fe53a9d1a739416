"""Finds cracks in concrete: a fully convolutional net on grey tiles.

code: ND103
also: ND112, ND402
object: mask | target | masks | ConcreteTiles
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


def tile(rng, size=28):
    grey = rng.normal(150, 14, (size, size))
    mask = np.zeros((size, size), np.uint8)
    col = rng.uniform(6, size - 7)
    for row in range(size):
        col = np.clip(col + rng.normal(0, 0.9), 1, size - 3)
        mask[row, int(col):int(col) + 2 + rng.integers(0, 2)] = 255
    grey[mask > 0] -= 60
    if rng.random() < 0.5:
        grey, mask = grey.T, mask.T
    return grey.clip(0, 255).astype(np.uint8), mask


class ConcreteTiles(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        pairs = [tile(rng) for _ in range(n)]
        self.images = np.stack([p[0] for p in pairs])
        self.masks = np.stack([p[1] for p in pairs])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = torch.from_numpy(self.images[i].astype(np.float32) / 255)[None]
        mask = torch.from_numpy(self.masks[i].astype(np.float32))[None]  # fault
        # fixed: mask = torch.from_numpy((self.masks[i] > 127).astype(np.float32))[None]
        return (image - 0.56) / 0.11, mask  # here


class CrackNet(nn.Module):
    def __init__(self, w=12):
        super().__init__()
        layers = []
        for i, d in zip([1, w, w], [1, 2, 1]):
            layers += [nn.Conv2d(i, w, 3, padding=d, dilation=d), nn.BatchNorm2d(w), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.classify = nn.Conv2d(w, 1, 1)

    def forward(self, x):
        return self.classify(self.features(x))


torch.manual_seed(5)
train_loader = DataLoader(ConcreteTiles(160, 0), batch_size=16, shuffle=True)
val_loader = DataLoader(ConcreteTiles(32, 1), batch_size=16)
model = CrackNet()
loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def iou():
    model.eval()
    inter = union = 0
    with torch.no_grad():
        for x, m in val_loader:
            p, t = model(x) > 0, m > 0
            inter += (p & t).sum().item()
            union += (p | t).sum().item()
    return inter / max(union, 1)


def train():
    for epoch in range(5):
        model.train()
        total = 0.0
        for x, m in train_loader:
            loss = loss_fn(model(x), m)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        iou()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train(), iou())
