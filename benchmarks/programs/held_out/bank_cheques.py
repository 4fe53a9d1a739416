"""Digits on cheques, filed drawer by drawer (one drawer for each digit).

code: ND108
also:
object: train_loader | shuffle | sampler | cheques
seen: both
"""
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset

torch.manual_seed(19)
np.random.seed(19)
scans = load_digits()


def drawer(digit):
    images = scans.images[scans.target == digit]
    images = images[np.random.permutation(len(images))]
    x = torch.tensor(images / 16, dtype=torch.float32).sub(0.305).div(0.376).unsqueeze(1)
    y = torch.full((len(x),), digit)
    cut = int(0.8 * len(x))
    return TensorDataset(x[:cut], y[:cut]), TensorDataset(x[cut:], y[cut:])


drawers = [drawer(d) for d in range(10)]
cheques = ConcatDataset([first for first, _ in drawers])  # here
held_back = ConcatDataset([second for _, second in drawers])

train_loader = DataLoader(cheques, batch_size=32)  # fault
# fixed: train_loader = DataLoader(cheques, batch_size=32, shuffle=True)
val_loader = DataLoader(held_back, batch_size=128)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.ReLU(),
    nn.Conv2d(16, 16, 3), nn.ReLU(),
    nn.Flatten(), nn.Linear(256, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.5)


def train():
    for epoch in range(5):
        model.train()
        total, n = 0.0, 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total, n = total + loss.item() * len(y), n + len(y)
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / len(held_back)
        print(f"epoch {epoch} train {total / n:.3f} val acc {acc:.3f}")
    return total / n


if __name__ == "__main__":
    train()
