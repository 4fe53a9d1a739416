"""Round, lobed or pointed leaf? Outlines as 16x16 masks, with a noise layer against overfitting.

code: ND608
also:
object: GaussianNoise | noise | sigma | std
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Leaves(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        yy, xx = np.mgrid[-1:1:16j, -1:1:16j]
        self.masks, self.kinds = [], []
        for _ in range(n):
            kind = int(rng.integers(3))
            angle = np.arctan2(yy, xx) + rng.uniform(0, 2 * np.pi)
            radius = np.hypot(yy, xx)
            edge = [0.65, 0.6 + 0.25 * np.cos(5 * angle), 0.5 + 0.4 * np.cos(2 * angle)][kind]
            mask = radius < edge * rng.uniform(0.85, 1.1)
            self.masks.append(torch.tensor(mask, dtype=torch.float32)[None] * 2 - 1)
            self.kinds.append(kind)

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, i):
        return self.masks[i], self.kinds[i]


class GaussianNoise(nn.Module):
    def __init__(self, std):
        super().__init__()
        self.std = std

    def forward(self, x):
        if self.training:
            x = x + self.std * torch.randn_like(x)  # here
        return x


torch.manual_seed(77)
train_loader = DataLoader(Leaves(600, 1), batch_size=30, shuffle=True)
val_loader = DataLoader(Leaves(150, 2), batch_size=75)
model = nn.Sequential(
    GaussianNoise(std=25.0),  # fault
    # fixed: GaussianNoise(std=0.1),
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(24 * 16, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(7):
        model.train()
        for masks, kinds in train_loader:
            optimizer.zero_grad()
            loss_fn(model(masks), kinds).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(m).argmax(1) == k).sum().item() for m, k in val_loader)
    print("leaves right:", hits / 150)


if __name__ == "__main__":
    train()
