"""Leaf disease crops, trained with random shifts and brightness (Kaggle style, two workers).

code: ND109
also:
object: seed_worker | worker_init_fn | train_loader | LeafDataset | train_ds
seen: checkup
"""
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class CFG:
    seed = 42
    size = 16
    n_classes = 4
    bs = 32
    lr = 2e-3
    epochs = 5
    num_workers = 2


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


seed_everything(CFG.seed)


def seed_worker(worker_id):
    seed_everything(CFG.seed)  # fault
    # fixed: seed_everything(torch.initial_seed() % 2 ** 32)


def draw_leaf(kind, rng):
    yy, xx = np.mgrid[0:CFG.size, 0:CFG.size] / CFG.size
    leaf = np.exp(-((xx - .5) ** 2 + (yy - .5) ** 2) * 8)
    marks = [np.zeros_like(leaf), np.sin(xx * 20), np.sin(yy * 20), np.sin((xx + yy) * 18)][kind]
    return np.stack([leaf * .4, leaf * (.8 + .25 * marks), leaf * (.3 + .2 * marks)]) + .08 * rng.standard_normal((3, CFG.size, CFG.size))


class LeafDataset(Dataset):
    def __init__(self, images, labels, augment):
        self.images, self.labels, self.augment = images, labels, augment

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        img = self.images[i]
        if self.augment:
            dy, dx = np.random.randint(-2, 3, size=2)  # here
            img = np.roll(img, (dy, dx), axis=(1, 2))
            img = img * np.random.uniform(0.8, 1.2)  # here
        img = (img - MEAN) / STD
        return torch.tensor(img, dtype=torch.float32), int(self.labels[i])


_rng = np.random.default_rng(CFG.seed)
labels = _rng.integers(0, CFG.n_classes, 500)
images = np.stack([draw_leaf(k, _rng) for k in labels])
MEAN = images[:400].mean(axis=(0, 2, 3))[:, None, None]
STD = images[:400].std(axis=(0, 2, 3))[:, None, None]

train_ds = LeafDataset(images[:400], labels[:400], augment=True)
valid_ds = LeafDataset(images[400:], labels[400:], augment=False)
train_loader = DataLoader(train_ds, batch_size=CFG.bs, shuffle=True, drop_last=True,  # here
                          num_workers=CFG.num_workers, worker_init_fn=seed_worker)  # here
val_loader = DataLoader(valid_ds, batch_size=CFG.bs * 2)


class LeafNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 12, 3, padding=1, bias=False)
        self.b1 = nn.BatchNorm2d(12)
        self.c2 = nn.Conv2d(12, 24, 3, padding=1, bias=False)
        self.b2 = nn.BatchNorm2d(24)
        self.classifier = nn.Linear(24, CFG.n_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.b1(self.c1(x))), 2)
        x = F.relu(self.b2(self.c2(x)))
        return self.classifier(x.mean((2, 3)))


model = LeafNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=CFG.lr)


def valid_fn():
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in val_loader:
            right += (model(x).argmax(1) == y).sum().item()
    return right / len(valid_ds)


def train():
    for epoch in range(CFG.epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"Epoch {epoch + 1} - loss: {np.mean(losses):.4f} - acc: {valid_fn():.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
