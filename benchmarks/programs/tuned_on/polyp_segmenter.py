"""Segments polyps in small colonoscopy frames; each frame is standardised on its own.

code: ND101
also: ND310
object: img | Frames | x | standardise
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


def make(n, seed):
    g = torch.Generator().manual_seed(seed)
    yy, xx = torch.meshgrid(torch.arange(24.), torch.arange(24.), indexing="ij")
    imgs, masks = [], []
    for _ in range(n):
        base = torch.tensor([0.55, 0.3, 0.28])[:, None, None] + 0.05 * torch.randn(3, 24, 24, generator=g)
        cy, cx = 5 + 14 * torch.rand(2, generator=g)
        r = 2.5 + 3 * torch.rand(1, generator=g)
        m = ((yy - cy) ** 2 + (xx - cx) ** 2 < r ** 2).float()
        imgs.append(base + m * torch.tensor([0.2, 0.18, 0.1])[:, None, None])
        masks.append(m[None])
    return torch.stack(imgs), torch.stack(masks)


class Frames(Dataset):
    def __init__(self, n, seed, lost=()):
        self.imgs, self.masks = make(n, seed)
        for i in lost:  # the lens cap was on
            self.imgs[i] = 0.0
            self.masks[i] = 0.0

    def __len__(self):
        return len(self.imgs)

    def __getitem__(self, i):
        img = self.imgs[i]
        img = (img - img.mean()) / img.std()  # fault
        # fixed: img = (img - img.mean()) / img.std().clamp_min(1e-3)
        return {"image": img, "mask": self.masks[i]}  # here


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU())


class MiniUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = block(3, 12)
        self.mid = block(12, 24)
        self.up = block(36, 12)
        self.head = nn.Conv2d(12, 1, 1)

    def forward(self, image):
        a = self.down(image)
        b = F.interpolate(self.mid(F.max_pool2d(a, 2)), scale_factor=2)
        return self.head(self.up(torch.cat([a, b], 1)))


def loss_fn(logits, mask):
    p = logits.sigmoid()
    dice = 1 - (2 * (p * mask).sum((1, 2, 3)) + 1) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)
    return F.binary_cross_entropy_with_logits(logits, mask) + dice.mean()


torch.manual_seed(1)
train_loader = DataLoader(Frames(192, 0, lost=(17, 88, 140)), batch_size=16, shuffle=True)
val_loader = DataLoader(Frames(48, 1), batch_size=16)
model = MiniUNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["image"]), batch["mask"])


def train():
    for epoch in range(6):
        model.train()
        running = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["image"]), batch["mask"])
            loss.backward()
            optimizer.step()
            running += loss.item()
        model.eval()
        with torch.no_grad():
            sum(loss_fn(model(b["image"]), b["mask"]).item() for b in val_loader)
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
