"""Tells cell types apart under the microscope; the training pictures get a random cutout, gain and noise.

code: ND109
also: ND110
object: train_set | BlobCells | augment | rng | train_loader
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SIZE = 18


class BlobCells(Dataset):
    def __init__(self, n, seed, train):
        g = np.random.default_rng(seed)
        yy, xx = np.mgrid[:SIZE, :SIZE]
        self.kind = g.integers(0, 3, n)
        self.img = []
        for k in self.kind:
            cy, cx = g.uniform(6, 12, 2)
            a, b = [(3, 3), (4.5, 2), (2, 4.5)][k]
            d = ((yy - cy) / a) ** 2 + ((xx - cx) / b) ** 2
            self.img.append(np.exp(-d) * 3 - 0.5 + 0.5 * g.normal(size=d.shape))
        self.train, self.seed = train, seed
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return len(self.kind)

    def augment(self, img):
        rng = np.random.default_rng(self.seed)  # fault
        # fixed: rng = self.rng
        y, x = rng.integers(0, SIZE - 5, 2)
        img = img * rng.uniform(0.8, 1.2) + 0.3 * rng.normal(size=img.shape)
        img[y:y + 5, x:x + 5] = 0
        return img

    def __getitem__(self, i):
        img = self.augment(self.img[i]) if self.train else self.img[i]  # here
        return torch.tensor(img, dtype=torch.float32)[None], self.kind[i]


train_set = BlobCells(320, 0, train=True)  # here
val_set = BlobCells(120, 1, train=False)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=60)


class CellNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 12, 5, padding=2)
        self.b = nn.Conv2d(12, 24, 3, padding=1)
        self.out = nn.Linear(24 * 16, 3)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.a(x)), 2)
        x = nn.functional.adaptive_avg_pool2d(torch.relu(self.b(x)), 4)
        return self.out(x.flatten(1))


torch.manual_seed(0)
model = CellNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            good = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"epoch {epoch}: {total / len(train_loader):.3f}, validation {good / len(val_set):.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
