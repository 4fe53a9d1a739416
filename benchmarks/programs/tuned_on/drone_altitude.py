"""Altitude from barometer and accelerometer windows, 1-D convolutions, SGD with heavy momentum.

code: ND604
also: ND706
object: optimizer | lr | momentum
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(48)


def flights(n):
    t = torch.linspace(0, 1, 32)
    a, b, c = torch.randn(3, n, 1)
    alt = a * t + b * torch.sin(5 * t) + .5 * c
    baro = -alt + .1 * torch.randn(n, 32)
    acc = -25 * b * torch.sin(5 * t) / 18 + .2 * torch.randn(n, 32)
    return TensorDataset(torch.stack([baro, acc], 1), alt[:, -1:])


class Alti(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv1d(2, 16, 5, padding=2)
        self.c2 = nn.Conv1d(16, 16, 5, padding=2, stride=2)
        self.out = nn.Sequential(nn.Flatten(), nn.Linear(16 * 16, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.out(torch.relu(self.c2(torch.relu(self.c1(x)))))


def build_optimizer(net, name, **kw):
    return {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[name](net.parameters(), **kw)


train_loader = DataLoader(flights(512), batch_size=32, shuffle=True)
val_loader = DataLoader(flights(128), batch_size=64)
model = Alti()
loss_fn = nn.MSELoss()
optimizer = build_optimizer(model, "sgd", lr=.05, momentum=.95)  # fault
# fixed: optimizer = build_optimizer(model, "sgd", lr=.004, momentum=.9)


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()  # here
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
