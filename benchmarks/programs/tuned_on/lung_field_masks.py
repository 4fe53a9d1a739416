"""Segments lung fields in small chest images; flips and quarter turns as augmentation, dict batches.

code: ND110
also: ND104
object: ChestDataset | dataset | train_ds | train_loader | augment | mask | image
seen: checkup
"""
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

random.seed(5)
torch.manual_seed(5)
S = 24


def draw(g):
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, S), torch.linspace(-1, 1, S), indexing="ij")
    cy, cx = (torch.rand(2, generator=g) - 0.5) * 0.9
    ry, rx = 0.25 + 0.25 * torch.rand(2, generator=g)
    mask = (((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2 < 1).float()
    image = 0.8 * mask + 0.3 * yy + 0.25 * torch.randn(S, S, generator=g)
    return image[None], mask[None]


def random_flip(t):
    if random.random() < 0.5:
        t = torch.flip(t, dims=[-1])
    if random.random() < 0.5:
        t = torch.flip(t, dims=[-2])
    return t


def random_flip_pair(image, mask):
    for d in (-1, -2):
        if random.random() < 0.5:
            image, mask = torch.flip(image, dims=[d]), torch.flip(mask, dims=[d])
    return image, mask


class ChestDataset(Dataset):
    def __init__(self, n, seed, augment=False):
        g = torch.Generator().manual_seed(seed)
        self.items = [draw(g) for _ in range(n)]
        self.augment = augment

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        image, mask = self.items[i]
        image = (image - 0.16) / 0.45
        if self.augment:
            image = random_flip(image)  # fault
            # fixed: image, mask = random_flip_pair(image, mask)
            mask = random_flip(mask)  # fault
            # fixed:
        return {"image": image, "mask": mask}


train_ds = ChestDataset(240, 0, augment=True)  # here
val_ds = ChestDataset(80, 1)
train_loader = DataLoader(train_ds, batch_size=16, shuffle=True)  # here
val_loader = DataLoader(val_ds, batch_size=40)


class TinyUNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.d1 = self.block(1, c)
        self.d2 = self.block(c, 2 * c)
        self.up = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.u1 = self.block(2 * c, c)
        self.out = nn.Conv2d(c, 1, 1)

    @staticmethod
    def block(i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(),
                             nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        return self.out(self.u1(torch.cat([self.up(b), a], 1)))


model = TinyUNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["image"]), batch["mask"])


def evaluate():
    model.eval()
    inter = union = 0.0
    with torch.no_grad():
        for b in val_loader:
            p = model(b["image"]) > 0
            m = b["mask"] > 0.5
            inter += (p & m).sum().item()
            union += (p | m).sum().item()
    return inter / max(union, 1)


def train():
    for epoch in range(7):
        model.train()
        s = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["image"]), batch["mask"])
            loss.backward()
            optimizer.step()
            s += loss.item()
        print(f"{epoch}: loss {s / len(train_loader):.4f} iou {evaluate():.3f}")
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
