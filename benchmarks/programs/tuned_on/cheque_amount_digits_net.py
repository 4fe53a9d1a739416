"""Digits on cheques; the scans lie in one folder per digit and are read folder after folder.

code: ND108
also:
object: train_loader | shuffle | train_set | folders
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset

torch.manual_seed(127)
digits = load_digits()
pixels = torch.tensor(digits.images / 16.0).float().unsqueeze(1)
label = torch.tensor(digits.target)
folders = []
held_out = []
for digit in range(10):
    here = (label == digit).nonzero().flatten()
    here = here[torch.randperm(len(here))]
    folders.append(TensorDataset(pixels[here[:130]], label[here[:130]]))
    held_out.append(TensorDataset(pixels[here[130:]], label[here[130:]]))
train_set, val_set = ConcatDataset(folders), ConcatDataset(held_out)

train_loader = DataLoader(train_set, batch_size=26)  # fault
# fixed: train_loader = DataLoader(train_set, batch_size=26, shuffle=True)
val_loader = DataLoader(val_set, batch_size=len(val_set))

model = nn.Sequential(
    nn.Conv2d(1, 12, 3), nn.ReLU(),
    nn.Conv2d(12, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(64, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(6):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print("val accuracy", np.round((model(a).argmax(1) == b).float().mean().item(), 3))


if __name__ == "__main__":
    train()
