"""Plant species from small colour leaf photos.

code: ND106
also:
object: val_tf | val_loader | val_ds | val_transform
seen: checkup
"""
import random
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(11); random.seed(11); np.random.seed(11)
SPECIES = ["maple", "oak", "birch", "willow"]


class Compose:
    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, img):
        for s in self.steps:
            img = s(img)
        return img


class ToTensor:
    def __call__(self, img):
        return torch.from_numpy(img.transpose(2, 0, 1).copy()).float().div(255)


class RandomHorizontalFlip:
    def __call__(self, img):
        return img[:, ::-1] if random.random() < 0.5 else img


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]

    def __call__(self, t):
        return (t - self.mean) / self.std


mean, std = [0.42, 0.49, 0.35], [0.14, 0.15, 0.13]
train_tf = Compose(RandomHorizontalFlip(), ToTensor(), Normalize(mean, std))
val_tf = Compose(ToTensor())  # fault
# fixed: val_tf = Compose(ToTensor(), Normalize(mean, std))


def photo(kind):
    yy, xx = np.mgrid[-1:1:20j, -1:1:20j]
    a, b = [(0.8, 0.8), (0.5, 0.9), (0.6, 0.6), (0.25, 0.95)][kind]
    leaf = ((xx / a) ** 2 + (yy / b) ** 2 < 1)[..., None]
    veins = (np.abs(np.sin((3 + 2 * kind) * (yy + np.abs(xx)))) < 0.25)[..., None]
    img = np.where(leaf, np.array([90, 140 + 12 * kind, 60]) - 40 * veins, np.array([120, 115, 110]))
    return (img * np.random.uniform(0.8, 1.2) + np.random.normal(0, 25, img.shape)).clip(0, 255).astype(np.uint8)


class LeafDataset(Dataset):
    def __init__(self, n, transform):
        self.y = [i % len(SPECIES) for i in range(n)]
        self.x = [photo(k) for k in self.y]
        self.transform = transform

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.transform(self.x[i]), self.y[i]


train_ds, val_ds = LeafDataset(240, train_tf), LeafDataset(80, val_tf)  # here
train_loader = DataLoader(train_ds, batch_size=16, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=40, shuffle=False)  # here


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


model = nn.Sequential(block(3, 12), block(12, 24), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, len(SPECIES)))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8)


def run_epoch(loader, learn):
    model.train(learn)
    total, right, n = 0.0, 0, 0
    with torch.set_grad_enabled(learn):
        for x, y in loader:
            out = model(x)
            loss = loss_fn(out, y)
            if learn:
                optimizer.zero_grad(); loss.backward(); optimizer.step()
            total += loss.item() * len(y); right += (out.argmax(1) == y).sum().item(); n += len(y)
    return total / n, right / n


def train():
    for epoch in range(8):
        tl, ta = run_epoch(train_loader, True)
        vl, va = run_epoch(val_loader, False)
        scheduler.step()
        print(f"{epoch}: train {tl:.3f}/{ta:.2f}  val {vl:.3f}/{va:.2f}")
    return tl


if __name__ == "__main__":
    print(train())
