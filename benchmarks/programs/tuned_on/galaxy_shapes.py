"""Spiral, elliptical or irregular: small galaxy cut-outs, turned at random since the sky has no up.

code: ND109
also:
object: rng | Galaxies | train_set | augment
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SIZE = 20


def galaxy(kind, r):
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2 + r.normal(0, .6, (2, 1, 1))
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    if kind == 0:
        light = np.exp(-radius / 4) * (1 + .9 * np.cos(2 * angle - radius * .9 + r.uniform(0, 6)))
    elif kind == 1:
        light = np.exp(-np.hypot(y / r.uniform(.5, .9), x) / 3)
    else:
        light = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / 5) for a, b in r.normal(0, 3.5, (5, 2)))
    return (light / light.max() + r.normal(0, .12, (SIZE, SIZE))).astype(np.float32)


class Galaxies(Dataset):
    def __init__(self, n, seed, augment=False):
        r = np.random.default_rng(seed)
        self.kinds = r.integers(0, 3, n)
        self.pictures = np.stack([galaxy(k, r) for k in self.kinds])
        self.augment, self.seed = augment, seed

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, i):
        picture = self.pictures[i]
        if self.augment:
            rng = np.random.default_rng(self.seed + i)  # fault
            # fixed: rng = np.random.default_rng(torch.randint(2 ** 31, ()).item())
            picture = np.rot90(picture, rng.integers(4))  # here
            if rng.random() < .5:
                picture = picture[:, ::-1]
            picture = picture + rng.normal(0, .05, picture.shape)
        picture = (picture - .2) / .28
        return torch.tensor(picture.copy(), dtype=torch.float32)[None], int(self.kinds[i])


class SkyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 16, 5, padding=2)
        self.b = nn.Conv2d(16, 32, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.fc = nn.Linear(32, 3)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.norm(self.a(x))), 2)
        x = torch.relu(self.b(x))
        return self.fc(x.mean((-1, -2)))


torch.manual_seed(0)
train_set = Galaxies(320, 1, augment=True)  # here
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(Galaxies(90, 5000), batch_size=45)
model = SkyNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(x).argmax(1) == y).float().mean().item() for x, y in val_loader])
    print("val", acc)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
