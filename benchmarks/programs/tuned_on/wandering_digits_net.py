"""Digits that sit anywhere in a 12 x 12 frame; training places them at random each time.

code: ND109
also:
object: WanderingDigits | rng | default_rng | __getitem__ | train_loader
seen: both
"""
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(2)
bunch = load_digits()
order = np.random.default_rng(2).permutation(len(bunch.target))
pictures = (bunch.images[order] / 16).astype(np.float32)
labels = bunch.target[order]


class WanderingDigits(Dataset):
    def __init__(self, pictures, labels):
        self.pictures, self.labels = pictures, labels
        self.rng = np.random.default_rng()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        rng = np.random.default_rng(1234)  # fault
        # fixed: rng = self.rng
        r, c = rng.integers(0, 5, 2)
        frame = np.zeros((1, 12, 12), np.float32)
        frame[0, r:r + 8, c:c + 8] = self.pictures[i]
        return frame, self.labels[i]


place = np.random.default_rng(9)
frames = np.zeros((397, 1, 12, 12), np.float32)
for k, p in enumerate(pictures[1400:]):
    r, c = place.integers(0, 5, 2)
    frames[k, 0, r:r + 8, c:c + 8] = p

train_loader = DataLoader(WanderingDigits(pictures[:1400], labels[:1400]), batch_size=50, shuffle=True)
val_loader = DataLoader(list(zip(frames, labels[1400:])), batch_size=397)
model = nn.Sequential(nn.Flatten(), nn.Linear(144, 128), nn.ReLU(), nn.Linear(128, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(25):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val accuracy %.3f" % (model(x).argmax(1) == y).float().mean().item())


if __name__ == "__main__":
    train()
