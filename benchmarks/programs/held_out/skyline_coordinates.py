"""A coordinate network learns a jagged skyline: height of the roofs as a function of place.

code: ND705
also: ND704
object: features | Skyline | model | history
seen: watch
"""
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(28)


def skyline(x):
    return torch.sin(2 * math.pi * 9 * x) + 0.5 * torch.sin(2 * math.pi * 14 * x + 1)


class Skyline(nn.Module):
    def __init__(self, bands=32):
        super().__init__()
        self.register_buffer("bands", torch.arange(1, bands // 2 + 1).float() * math.pi * 2)
        self.net = nn.Sequential(nn.Linear(bands, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))

    def features(self, x):
        return x.expand(-1, 2 * len(self.bands)) * 2 - 1  # fault
        # fixed: return torch.cat([torch.sin(x * self.bands), torch.cos(x * self.bands)], 1)

    def forward(self, x):
        return self.net(self.features(x))  # here


places = torch.rand(1000, 1)
heights = skyline(places) / 0.8
train_loader = DataLoader(TensorDataset(places[:800], heights[:800]), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(places[800:], heights[800:]), batch_size=100)
model = Skyline()
loss_fn = F.mse_loss
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(12):
        model.train()
        losses = []
        for x, h in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), h)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), h).item() for x, h in val_loader) / len(val_loader)
        print(f"{epoch} {sum(losses) / len(losses):.4f} {val:.4f}")  # here
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
