"""Tread left on truck tyres, straight from the units of the fleet's log.

code: none
trait: the loader hands out raw kilometres, bars and millimetres on very different scales; the model standardises its inputs and its output with buffers
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

g = torch.Generator().manual_seed(88)


def fleet(n):
    km = 90_000 * torch.rand(n, generator=g)
    pressure = 8.2 + 0.5 * torch.randn(n, generator=g)
    load = 18_000 + 4_000 * torch.randn(n, generator=g)
    brakes = 2_000 + 600 * torch.randn(n, generator=g)
    axle = torch.randint(0, 3, (n,), generator=g).float()
    tread = 15 - km / 9_000 * (load / 18_000) ** 0.7 - 0.8 * (pressure - 8.2) ** 2 - 0.4 * axle + 0.3 * torch.randn(n, generator=g)
    return torch.stack([km, pressure, load, brakes, axle], 1), tread


x_train, y_train = fleet(1000)
x_val, y_val = fleet(250)


class InUnits(nn.Module):
    """Wraps a network so that it speaks the units of the data on both sides."""

    def __init__(self, core, x, y):
        super().__init__()
        self.core = core
        self.register_buffer("x_mean", x.mean(0))
        self.register_buffer("x_std", x.std(0))
        self.register_buffer("y_mean", y.mean())
        self.register_buffer("y_std", y.std())

    def forward(self, x):
        z = self.core((x - self.x_mean) / self.x_std).squeeze(-1)
        return z * self.y_std + self.y_mean


torch.manual_seed(0)
core = nn.Sequential(nn.Linear(5, 32), nn.Softplus(), nn.Linear(32, 32), nn.Softplus(), nn.Linear(32, 1))
model = InUnits(core, x_train, y_train)
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=125)
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        running = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    print("val", val)
    return sum(running) / len(running)


if __name__ == "__main__":
    print(train())
