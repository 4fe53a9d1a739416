"""Minutes a taxi needs, from where it starts, where it goes and when; the L2 penalty is written by hand.

code: ND607
also: ND405
object: l2 | penalty | L2 | loss | batch_loss
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(50)
n = 1400
pick, drop = torch.rand(n, 2) * 2 - 1, torch.rand(n, 2) * 2 - 1
hour = torch.rand(n) * 24
jam = 1 + 0.8 * torch.exp(-((hour - 17) / 2) ** 2) + 0.6 * torch.exp(-((hour - 8) / 1.5) ** 2)
minutes = (pick - drop).abs().sum(1) * jam + 0.05 * torch.randn(n)
mean, std = minutes[:1100].mean(), minutes[:1100].std()
clock = torch.stack([torch.sin(hour * 0.2618), torch.cos(hour * 0.2618), torch.cos(hour * 0.5236)], 1)
X = torch.cat([pick, drop, clock], 1)
X = (X - X[:1100].mean(0)) / X[:1100].std(0)
y = ((minutes - mean) / std).unsqueeze(1)
train_loader = DataLoader(TensorDataset(X[:1100], y[:1100]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(X[1100:], y[1100:]), batch_size=150)

model = nn.Sequential(nn.Linear(7, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def l2(net):
    return sum(p.square().sum() for p in net.parameters())


def batch_loss(setup, batch):
    x, t = batch
    return loss_fn(setup.model(x), t) + 0.5 * l2(setup.model)  # fault
    # fixed: return loss_fn(setup.model(x), t) + 0.5e-5 * l2(setup.model)


class Setup:
    model = model


def train():
    for epoch in range(14):
        model.train()
        total = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(Setup, batch)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            off = torch.cat([(model(a) - b).abs() for a, b in val_loader]).mean() * std
        if epoch % 4 == 1:
            print(f"{epoch:3d} loss {total / len(train_loader):.4f}  off by {off:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    train()
