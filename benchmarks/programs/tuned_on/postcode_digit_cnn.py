"""Reads single handwritten digits as a sorting machine's camera delivers them.

code: ND102
also:
object: PostcodeDigits | x | pixels | train_loader | __getitem__
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset, Subset

torch.manual_seed(12)


class PostcodeDigits(Dataset):
    """Eight-bit grey pictures, 8 x 8."""

    def __init__(self):
        bunch = load_digits()
        self.pixels = torch.tensor(bunch.images * 15.9).to(torch.uint8)
        self.labels = torch.tensor(bunch.target)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        x = self.pixels[i].float().unsqueeze(0)  # fault
        # fixed: x = self.pixels[i].float().unsqueeze(0) / 255 * 2 - 1
        return x, self.labels[i]


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 12, 3, padding=1)
        self.c2 = nn.Conv2d(12, 24, 3, padding=1)
        self.head = nn.Linear(24 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.head(x.flatten(1))


data = PostcodeDigits()
order = torch.randperm(len(data)).tolist()
train_loader = DataLoader(Subset(data, order[:1400]), batch_size=64, shuffle=True)
val_loader = DataLoader(Subset(data, order[1400:]), batch_size=100)
model = Reader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def evaluate():
    model.eval()
    hits = 0
    with torch.no_grad():
        for x, y in val_loader:
            hits += (model(x).argmax(1) == y).sum().item()
    return hits / 397


def train():
    for epoch in range(6):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    print("val accuracy", round(evaluate(), 3))


if __name__ == "__main__":
    train()
