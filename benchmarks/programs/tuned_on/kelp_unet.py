"""Outlines floating kelp beds on satellite tiles with a small U-Net.

code: ND110
also: ND104
object: train_ds | KelpTiles | image_tf | mask_tf | train_loader | augment
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(1234)


class RandomHorizontalFlip:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, t):
        return t.flip(-1) if torch.rand(1).item() < self.p else t


class RandomVerticalFlip(RandomHorizontalFlip):
    def __call__(self, t):
        return t.flip(-2) if torch.rand(1).item() < self.p else t


def make_tile(size=32):
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    mask = torch.zeros(size, size)
    for _ in range(int(torch.randint(1, 4, (1,)))):
        cy, cx = torch.randint(4, size - 4, (2,)).tolist()
        ry, rx = (torch.rand(2) * 4 + 3).tolist()
        mask[((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2 < 1] = 1.0
    nir = 0.25 + 0.3 * mask + 0.1 * torch.randn(size, size)
    red = 0.3 - 0.12 * mask + 0.08 * torch.randn(size, size)
    green = 0.35 + 0.05 * torch.randn(size, size)
    img = torch.stack([nir, red, green])
    return (img - torch.tensor([0.32, 0.27, 0.35]).view(3, 1, 1)) / torch.tensor([0.18, 0.1, 0.06]).view(3, 1, 1), mask[None]


class KelpTiles(Dataset):
    def __init__(self, n, augment=None):
        self.tiles = [make_tile() for _ in range(n)]
        self.augment = augment

    def __len__(self):
        return len(self.tiles)

    def __getitem__(self, i):
        image, mask = self.tiles[i]
        if self.augment is not None:
            for tf in self.augment:
                image, mask = tf(image), tf(mask)  # fault
                # fixed: image, mask = tf(torch.cat([image, mask])).split([3, 1])
        return {"image": image, "mask": mask}


def double_conv(a, b):
    return nn.Sequential(
        nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
        nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.down1 = double_conv(3, c)
        self.down2 = double_conv(c, 2 * c)
        self.mid = double_conv(2 * c, 4 * c)
        self.up2 = nn.ConvTranspose2d(4 * c, 2 * c, 2, stride=2)
        self.dec2 = double_conv(4 * c, 2 * c)
        self.up1 = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.dec1 = double_conv(2 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        d1 = self.down1(x)
        d2 = self.down2(F.max_pool2d(d1, 2))
        m = self.mid(F.max_pool2d(d2, 2))
        u2 = self.dec2(torch.cat([self.up2(m), d2], 1))
        u1 = self.dec1(torch.cat([self.up1(u2), d1], 1))
        return self.out(u1)


train_ds = KelpTiles(160, augment=[RandomHorizontalFlip(), RandomVerticalFlip()])  # here
val_ds = KelpTiles(48)
train_loader = DataLoader(train_ds, batch_size=16, shuffle=True)  # here
val_loader = DataLoader(val_ds, batch_size=16)

model = UNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["image"]), batch["mask"])


def dice(logits, mask):
    p = (logits > 0).float()
    return (2 * (p * mask).sum() / (p.sum() + mask.sum() + 1e-6)).item()


def train():
    for epoch in range(6):
        model.train()
        total, count = 0.0, 0
        for batch in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(batch["image"]), batch["mask"])
            loss.backward()
            optimizer.step()
            total += loss.item()
            count += 1
        model.eval()
        with torch.no_grad():
            scores = [dice(model(b["image"]), b["mask"]) for b in val_loader]
        print(f"[{epoch}] bce {total / count:.4f} dice {sum(scores) / len(scores):.3f}")
    return total / count


if __name__ == "__main__":
    print(train())
