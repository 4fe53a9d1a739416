"""How strong are the gusts, and how sure are we? Mean and spread from one net.

code: none
trait: the loss falls below zero and goes on falling (a density may be above one)
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(57)
n = 1600
x = torch.rand(n, 3) * 2 - 1
centre = torch.sin(3 * x[:, 0]) + 0.5 * x[:, 1]
spread = 0.02 + 0.08 * torch.sigmoid(4 * x[:, 2])
gust = (centre + spread * torch.randn(n)) / 0.75
x = x / 0.577
train_loader = DataLoader(TensorDataset(x[:1300], gust[:1300]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1300:], gust[1300:]), batch_size=150)


class GustNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(3, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh())
        self.mean = nn.Linear(48, 1)
        self.raw = nn.Linear(48, 1)

    def forward(self, x):
        h = self.trunk(x)
        return self.mean(h).squeeze(1), nn.functional.softplus(self.raw(h)).squeeze(1) + 1e-4


model = GustNet()
nll = nn.GaussianNLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    x, y = batch
    mean, var = model(x)
    return nll(mean, y, var)


def train():
    for epoch in range(16):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        val = sum(batch_loss(model, b).item() for b in val_loader) / len(val_loader)
        err = torch.cat([(model(a)[0] - b) ** 2 for a, b in val_loader]).mean()
    print(f"val nll {val:.3f} mse {err:.4f}")


if __name__ == "__main__":
    train()
