"""Store a coastal height profile in a network: position along the coast in, height out.

code: ND705
also: ND704
object: bands | encode | Profile | features
seen: watch
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17)


def height(s):
    return torch.sin(2 * math.pi * 11 * s) + 0.6 * torch.cos(2 * math.pi * 17 * s + 1) + 0.3 * s


def encode(s, bands):
    """Position itself plus sines and cosines of rising frequency."""
    parts = [s * 1.7]
    for k in range(1, bands + 1):
        parts += [torch.sin(2 * math.pi * k * s), torch.cos(2 * math.pi * k * s)]
    return torch.cat(parts, 1)


bands = 0  # fault
# fixed: bands = 20
s = torch.rand(1200, 1) * 2 - 1
h = height(s) + 0.03 * torch.randn(1200, 1)
train_loader = DataLoader(TensorDataset(s[:1000], h[:1000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(s[1000:], h[1000:]), batch_size=200)


class Profile(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2 * bands + 1, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
        )

    def forward(self, s):
        return self.net(encode(s, bands))  # here


model = Profile()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
history = []


def train():
    for epoch in range(25):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            history.append(sum(loss_fn(model(a), b).item() for a, b in val_loader))


if __name__ == "__main__":
    train()
