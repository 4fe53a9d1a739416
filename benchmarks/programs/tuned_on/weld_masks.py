"""Segments the weld seam's pores in small grey images.

code: ND110
also: ND104
object: train_set | flip | mask | image | transform
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class RandomFlip:
    def __init__(self, p=0.5):
        self.p = p

    def __call__(self, *tensors):
        if torch.rand(1).item() < self.p:
            tensors = tuple(torch.flip(t, dims=[-1]) for t in tensors)
        if torch.rand(1).item() < self.p:
            tensors = tuple(torch.flip(t, dims=[-2]) for t in tensors)
        return tensors if len(tensors) > 1 else tensors[0]


class WeldPores(Dataset):
    def __init__(self, n, seed, flip=None):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
        self.images, self.masks = [], []
        for _ in range(n):
            mask = torch.zeros(24, 24)
            for _ in range(int(torch.randint(1, 4, (1,), generator=g))):
                cy, cx = torch.rand(2, generator=g) * 20 + 2
                radius = 2 + 2 * torch.rand(1, generator=g)
                mask = torch.maximum(mask, ((yy - cy) ** 2 + (xx - cx) ** 2 < radius ** 2).float())
            image = 0.9 * mask - 0.3 + 0.4 * torch.randn(24, 24, generator=g)
            self.images.append(image[None])
            self.masks.append(mask[None])
        self.flip = flip

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image, mask = self.images[i], self.masks[i]
        if self.flip is not None:
            image = self.flip(image)  # fault
            # fixed: image, mask = self.flip(image, mask)
            mask = self.flip(mask)  # fault
            # fixed:
        return image, mask


class SmallUNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.enc1 = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU())
        self.enc2 = nn.Sequential(nn.Conv2d(c, 2 * c, 3, padding=1), nn.BatchNorm2d(2 * c), nn.ReLU())
        self.dec = nn.Sequential(nn.Conv2d(3 * c, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU())
        self.head = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        b = F.interpolate(b, scale_factor=2, mode="nearest")
        return self.head(self.dec(torch.cat([a, b], 1)))


torch.manual_seed(21)
train_set = WeldPores(240, seed=0, flip=RandomFlip())  # here
val_set = WeldPores(60, seed=1)
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=30)

model = SmallUNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def dice():
    model.eval()
    inter = union = 0.0
    with torch.no_grad():
        for x, m in val_loader:
            p = (model(x) > 0).float()
            inter += (p * m).sum().item()
            union += (p + m).sum().item()
    return 2 * inter / max(union, 1.0)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, m in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), m)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch} bce {sum(losses) / len(losses):.4f} val dice {dice():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
