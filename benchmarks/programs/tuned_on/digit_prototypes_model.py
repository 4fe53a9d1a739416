"""Digits by cosine similarity to ten learnt prototypes.

code: ND705
also: ND305
object: scale | CosineHead | head
seen: watch
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class CosineHead(nn.Module):
    def __init__(self, width, classes, scale):
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(classes, width))
        self.scale = scale

    def forward(self, h):
        return self.scale * F.normalize(h, dim=1) @ F.normalize(self.prototypes, dim=1).T  # here


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
        self.head = CosineHead(32, 10, scale=0.5)  # fault
        # fixed: self.head = CosineHead(32, 10, scale=12.0)

    def forward(self, x):
        return self.head(self.body(x))


torch.manual_seed(5)
data = load_digits()
x = torch.tensor(data.data).float() / 16 - 0.3
y = torch.tensor(data.target)
perm = torch.randperm(len(x))
x, y = x[perm] * 2.6, y[perm]
train_loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1400:], y[1400:]), batch_size=397)
model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)


def train(epochs=14):
    curve = []
    for _ in range(epochs):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        model.eval()
        with torch.no_grad():
            xb, yb = next(iter(val_loader))
            val = loss_fn(model(xb), yb).item()
    print("train", round(sum(curve[-20:]) / 20, 3), "val", round(val, 3))


if __name__ == "__main__":
    train()
