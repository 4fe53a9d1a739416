"""Small U-Net for cell outlines on grey microscope tiles.

code: ND103
also: ND404
object: masks | CellDataset | targets | loss_fn | mask
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SIZE = 24


def draw_tile(rs):
    """uint8 image and its mask as they come out of the annotation tool's PNGs."""
    yy, xx = np.mgrid[:SIZE, :SIZE]
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for _ in range(rs.randint(1, 4)):
        cy, cx, r = rs.randint(4, SIZE - 4), rs.randint(4, SIZE - 4), rs.randint(3, 6)
        mask[(yy - cy) ** 2 + (xx - cx) ** 2 <= r * r] = 255
    img = 70 + 90 * (mask > 0) + rs.normal(0, 22, mask.shape)
    return img.clip(0, 255).astype(np.uint8), mask


class CellDataset(Dataset):
    def __init__(self, n, seed):
        rs = np.random.RandomState(seed)
        self.tiles = [draw_tile(rs) for _ in range(n)]

    def __len__(self):
        return len(self.tiles)

    def __getitem__(self, idx):
        img, mask = self.tiles[idx]
        img = (img.astype(np.float32) / 255.0 - 0.4) / 0.2
        mask = mask.astype(np.float32)  # fault
        # fixed: mask = mask.astype(np.float32) / 255.0
        return torch.from_numpy(img)[None], torch.from_numpy(mask)[None]  # here


def double_conv(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(inplace=True),
                         nn.Conv2d(cout, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = double_conv(1, 8)
        self.down2 = double_conv(8, 16)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.merge = double_conv(16, 8)
        self.outc = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        return self.outc(self.merge(torch.cat([a, self.up(b)], dim=1)))


torch.manual_seed(3)
train_loader = DataLoader(CellDataset(96, 0), batch_size=8, shuffle=True)  # here
val_loader = DataLoader(CellDataset(24, 1), batch_size=8)
model = UNet()
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def dice(logits, target):
    pred = (torch.sigmoid(logits) > 0.5).float()
    return (2 * (pred * target).sum() / (pred.sum() + target.sum() + 1e-6)).item()


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for imgs, masks in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(imgs), masks)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            score = np.mean([dice(model(i), m) for i, m in val_loader])
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
