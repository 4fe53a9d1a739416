"""Crater masks on synthetic lunar tiles: a fully convolutional net written with functional calls.

code: ND205
also:
object: stage | Stage | down1 | down2 | down1.conv | down2.conv | mid | mid.conv
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Tiles(Dataset):
    """Bright rim or dark pit: both belong to the mask."""

    def __init__(self, n, seed, size=16):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        cy, cx = torch.randint(4, 12, (2, n, 1, 1), generator=g)
        r = torch.randint(2, 5, (n, 1, 1), generator=g)
        inside = ((yy - cy) ** 2 + (xx - cx) ** 2) <= r ** 2
        sign = torch.where(torch.rand(n, 1, 1, generator=g) < 0.5, -1.0, 1.0)
        img = torch.randn(n, size, size, generator=g) * 0.4 + inside * sign * 2
        self.img = (img / img.std()).unsqueeze(1)
        self.mask = inside.float().unsqueeze(1)

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return self.img[i], self.mask[i]


class Stage(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1)

    def forward(self, x):
        x = self.conv(x)
        F.relu(x)  # fault
        # fixed: x = F.relu(x)
        return x  # here


class CraterNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2, self.mid = Stage(1, 12), Stage(12, 12), Stage(12, 12)
        self.out = nn.Conv2d(12, 1, 1)

    def forward(self, x):
        return self.out(self.mid(self.down2(self.down1(x))))


torch.manual_seed(2)
train_loader = DataLoader(Tiles(240, 0), batch_size=24, shuffle=True)
val_loader = DataLoader(Tiles(48, 1), batch_size=48)
model = CraterNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def iou(logits, mask):
    p = logits > 0
    return (p & mask.bool()).sum() / (p | mask.bool()).sum().clamp(min=1)


def train():
    for _ in range(8):
        model.train()
        for img, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), mask)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for img, mask in val_loader:
                score = iou(model(img), mask)
    return loss.item()


if __name__ == "__main__":
    print(train())
