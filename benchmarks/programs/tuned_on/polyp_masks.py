"""Segments polyps in (synthetic) endoscopy frames with a miniature U-Net.

code: ND103
also: ND402
object: mask | masks | targets | loss_fn | train_loader
seen: both
"""
import torch, numpy as np
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

S = 24


def draw_case(rng):
    yy, xx = np.mgrid[:S, :S]
    cy, cx, r = rng.uniform(6, 18), rng.uniform(6, 18), rng.uniform(3, 6)
    inside = (yy - cy) ** 2 + (xx - cx) ** 2 < r * r
    img = 90 + 20 * rng.standard_normal((3, S, S)) + inside * np.array([90, 20, 10])[:, None, None]
    png_mask = inside.astype(np.uint8) * 255
    return img.clip(0, 255).astype(np.uint8), png_mask


class PolypSet(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.cases = [draw_case(rng) for _ in range(n)]

    def __len__(self): return len(self.cases)

    def __getitem__(self, i):
        img, m = self.cases[i]
        image = torch.tensor(img).float() / 127.5 - 1
        mask = torch.tensor(m)[None].float()  # fault
        # fixed: mask = torch.tensor(m)[None].float() / 255
        return image, mask  # here


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, w=10):
        super().__init__()
        self.d1, self.d2, self.mid = block(3, w), block(w, 2 * w), block(2 * w, 2 * w)
        self.u1, self.u2 = block(4 * w, w), block(2 * w, w)
        self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
        self.last = nn.Conv2d(w, 1, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(self.pool(a))
        c = self.mid(self.pool(b))
        y = self.u1(torch.cat([self.up(c), b], 1))
        return self.last(self.u2(torch.cat([self.up(y), a], 1)))


torch.manual_seed(0)
model = UNet()
train_loader = DataLoader(PolypSet(128, 0), batch_size=16, shuffle=True)
val_loader = DataLoader(PolypSet(32, 1), batch_size=32)
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def dice(logits, mask):
    p, t = logits > 0, mask > 0
    return (2 * (p & t).sum() / (p.sum() + t.sum() + 1)).item()


def train():
    for ep in range(8):
        model.train()
        s = 0
        for img, mask in train_loader:
            loss = loss_fn(model(img), mask)  # here
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            d = [dice(model(i), m) for i, m in val_loader]
        print(ep, s / len(train_loader), "dice", np.mean(d))
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
