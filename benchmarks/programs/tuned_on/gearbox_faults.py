"""Five states of a gearbox from vibration windows (1-D CNN with batch norm and dropout).

code: ND702
also:
object: train | model.train | eval | evaluate | loop | mode | dropout | bn
seen: watch
"""
import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=9)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=2e-3)
args = parser.parse_args([])


def vibration(n, seed, length=128):
    r = np.random.default_rng(seed)
    t = np.arange(length)
    label = r.integers(0, 5, n)
    x = np.zeros((n, 2, length), np.float32)
    for i, k in enumerate(label):
        mesh = np.sin(2 * np.pi * 0.11 * t + r.uniform(0, 6))
        if k == 1:
            mesh *= 1 + 0.8 * np.sin(2 * np.pi * 0.02 * t + r.uniform(0, 6))
        elif k == 2:
            mesh[r.integers(0, 20)::21] += 3
        elif k == 3:
            mesh += 0.9 * np.sin(2 * np.pi * 0.22 * t + r.uniform(0, 6))
        elif k == 4:
            mesh += 0.9 * np.sin(2 * np.pi * 0.31 * t + r.uniform(0, 6))
        x[i, 0] = mesh + r.normal(0, 0.6, length)
        x[i, 1] = 0.5 * np.roll(mesh, 4) + r.normal(0, 0.6, length)
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(label))


class GearNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.bn1 = nn.Conv1d(2, 16, 9, padding=4), nn.BatchNorm1d(16)
        self.c2, self.bn2 = nn.Conv1d(16, 32, 5, padding=2), nn.BatchNorm1d(32)
        self.pool = nn.MaxPool1d(4)
        self.dropout = nn.Dropout(0.4)
        self.fc = nn.Linear(32 * 8, 5)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn1(self.c1(x))))
        x = self.pool(torch.relu(self.bn2(self.c2(x))))
        return self.fc(self.dropout(x.flatten(1)))


torch.manual_seed(0)
train_loader = DataLoader(vibration(480, 0), batch_size=args.batch_size, shuffle=True)
val_loader = DataLoader(vibration(160, 1), batch_size=160)
model = GearNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)


def evaluate(loader):
    model.eval()  # here
    loss, correct = 0.0, 0
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            loss += loss_fn(out, y).item() * len(y)
            correct += (out.argmax(1) == y).sum().item()
    return loss / len(loader.dataset), correct / len(loader.dataset)


def train():
    model.train()  # here
    for epoch in range(args.epochs):  # fault
    # fixed: for epoch in range(args.epochs):
    # fixed:     model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        val_loss, val_acc = evaluate(val_loader)  # here
        print(f"epoch {epoch + 1}/{args.epochs} train {total / 480:.4f} val {val_loss:.4f} acc {val_acc:.3f}")
    return total / 480


if __name__ == "__main__":
    print(train())
