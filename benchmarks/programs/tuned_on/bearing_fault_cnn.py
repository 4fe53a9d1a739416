"""Vibration of a bearing: healthy, inner race, outer race. 1-d convolutions and plain SGD.

code: ND604
also: ND706
object: optimizer | lr
seen: both
"""
import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--lr", type=float, default=3.0)  # fault
# fixed: parser.add_argument("--lr", type=float, default=0.03)
parser.add_argument("--batch", type=int, default=32)
args = parser.parse_args([])

torch.manual_seed(61)


def vibration(n, length=64):
    kind = torch.randint(0, 3, (n,))
    t = torch.arange(length) / length
    base = torch.sin(2 * torch.pi * 5 * t + torch.rand(n, 1) * 6.28)
    period = torch.tensor([1000, 16, 9])[kind].unsqueeze(1)
    offset = torch.randint(0, 8, (n, 1))
    knocks = ((torch.arange(length) + offset) % period == 0).float() * 2.5
    x = base + knocks + 0.3 * torch.randn(n, length)
    return ((x - 0.18) / 1.0).unsqueeze(1), kind


train_loader = DataLoader(TensorDataset(*vibration(480)), batch_size=args.batch, shuffle=True)
val_loader = DataLoader(TensorDataset(*vibration(120)), batch_size=60)
model = nn.Sequential(
    nn.Conv1d(1, 16, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2),
    nn.Conv1d(16, 16, 9, padding=4), nn.ReLU(), nn.AdaptiveAvgPool1d(4),
    nn.Flatten(), nn.Linear(64, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)  # here


def train():
    for epoch in range(args.epochs):
        model.train()
        total, count = 0.0, 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
            count += len(y)
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, total / count, hits / 120)
    return total / count


if __name__ == "__main__":
    print(train())
