"""Appliance from the current of a smart meter; log fourth moment per band as features, float16 autocast with a scaler.

code: ND807
also: ND308
object: BandEnergy | energy | autocast | bands
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(78)
precision = "16-mixed"


def meter(n):
    y = torch.randint(0, 4, (n,))
    t = torch.arange(128) / 128
    k = torch.tensor([3., 7., 13., 21.])[y][:, None]
    x = torch.sin(6.283 * k * t + 6.28 * torch.rand(n, 1)) * (.7 + .6 * torch.rand(n, 1)) + .7 * torch.randn(n, 128)
    return TensorDataset(x, y)


class BandEnergy(nn.Module):
    """a learned filter bank and the logarithm of its fourth moment"""

    def __init__(self, bands=16):
        super().__init__()
        self.filters = nn.Linear(128, bands, bias=False)
        with torch.no_grad():
            k = torch.arange(bands).view(-1, 1) * 1.6 + .8
            self.filters.weight.copy_(torch.cos(6.283 * k * torch.arange(128) / 128) / 8)

    def forward(self, x):
        shifted = torch.stack([x.roll(s, 1) for s in range(0, 24)], 1)
        energy = self.filters(shifted)  # fault
        # fixed: energy = self.filters(shifted).float()
        energy = (energy ** 2 * energy ** 2).sum(1, dtype=energy.dtype)  # here
        return torch.log(energy + 1.0).float() - 8.


class Meter(nn.Module):
    def __init__(self):
        super().__init__()
        self.bands = BandEnergy()
        self.body = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, x):
        return self.body(self.bands(x))


train_loader = DataLoader(meter(480), batch_size=32, shuffle=True)
val_loader = DataLoader(meter(120), batch_size=60)
model = Meter()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scaler = torch.amp.GradScaler("cpu")


def forward(x, y):
    with torch.autocast("cpu", dtype=torch.float16):  # here
        out = model(x)
    return loss_fn(out.float(), y)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = forward(x, y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(forward(x, y).item() for x, y in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
