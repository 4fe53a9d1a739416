"""Spot hail cells in radar pictures with a small batch-normalised CNN.

code: ND306
also:
object: momentum | BatchNorm2d | block | running_mean | running_var
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(50)


def radar(n):
    grid = torch.arange(12.0)
    centre = 3 + 6 * torch.rand(n, 2)
    hail = torch.randint(0, 2, (n,))
    width = torch.where(hail == 1, 1.0, 2.4)[:, None, None]
    d2 = (grid[None, :, None] - centre[:, :1, None]) ** 2 + (grid[None, None, :] - centre[:, 1:, None]) ** 2
    cells = 3.0 * torch.exp(-d2 / (2 * width**2))
    return (cells + 0.4 * torch.randn(n, 12, 12))[:, None], hail


x, y = radar(1000)
x = (x - x[:800].mean()) / x[:800].std()
train_loader = DataLoader(TensorDataset(x[:800], y[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x[800:], y[800:]), batch_size=100)


def block(c_in, c_out):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(c_out, momentum=1e-4),  # fault
        # fixed: nn.BatchNorm2d(c_out, momentum=0.1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


model = nn.Sequential(block(1, 8), block(8, 16), block(16, 16), nn.Flatten(), nn.Linear(16, 2))  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(a) for a, _ in val_loader])
    print("val loss", loss_fn(logits, y[800:]).item(), "acc", (logits.argmax(1) == y[800:]).float().mean().item())


if __name__ == "__main__":
    train()
