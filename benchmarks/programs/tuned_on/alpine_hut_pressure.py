"""Air pressure at a hut in pascal; the net keeps the targets' mean and spread as buffers.

code: none
trait: targets near 78000, but the model rescales its own head and the loss is taken in those units
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(86)
x = torch.randn(800, 6)
pascal = 78_000 + 700 * x[:, 0] - 500 * x[:, 1] * x[:, 2] + 300 * torch.sin(2 * x[:, 3]) + 60 * torch.randn(800)


class HutBarometer(nn.Module):
    def __init__(self, mean, spread):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.net = nn.Sequential(nn.Linear(6, 48), nn.GELU(), nn.Linear(48, 48), nn.GELU(), nn.Linear(48, 1))

    def forward(self, x):
        return self.mean + self.spread * self.net(x).squeeze(1)


train_loader = DataLoader(TensorDataset(x[:600], pascal[:600]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(x[600:], pascal[600:]), batch_size=200)
model = HutBarometer(pascal[:600].mean(), pascal[:600].std())
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    a, b = batch
    return (((net(a) - b) / net.spread) ** 2).mean()


def train():
    for epoch in range(25):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val relative mse %.3f" % batch_loss(model, next(iter(val_loader))).item())


if __name__ == "__main__":
    train()
