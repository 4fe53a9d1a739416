"""Separates two intertwined arms of a spiral.

code: ND205
also:
object: net | net.0 | net.1 | net.2 | net.3
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(0)
torch.manual_seed(0)

n = 1200
arm = np.random.randint(0, 2, n)
radius = np.sqrt(np.random.rand(n)) * 3
angle = 2.2 * radius + np.pi * arm
points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) + 0.08 * np.random.randn(n, 2)
points = (points - points[:1000].mean(0)) / points[:1000].std(0)
X = torch.tensor(points, dtype=torch.float32)
Y = torch.tensor(arm, dtype=torch.long)
train_loader = DataLoader(TensorDataset(X[:1000], Y[:1000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(X[1000:], Y[1000:]), batch_size=200)


def mlp(sizes):
    layers = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(a, b)]  # fault
        # fixed: layers += [nn.Linear(a, b), nn.ReLU()] if b != sizes[-1] else [nn.Linear(a, b)]
    return nn.Sequential(*layers)


class SpiralNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp([2, 64, 64, 32, 2])  # here

    def forward(self, x):
        return self.net(x)  # here


model = SpiralNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(20):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).float().sum().item() for x, y in val_loader) / 200
    print("val acc", acc)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
