"""Convolutional autoencoder for small pictures of galaxies (elliptic blobs with a tilt).

code: ND501
also:
object: encoder | encoder.0.weight | last_z
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)


def draw(n, size=16):
    grid = torch.linspace(-1, 1, size)
    yy, xx = torch.meshgrid(grid, grid, indexing="ij")
    angle = torch.rand(n, 1, 1) * math.pi
    cx, cy = (torch.rand(2, n, 1, 1) - 0.5) * 0.8
    a, b = 0.25 + 0.3 * torch.rand(n, 1, 1), 0.15 + 0.1 * torch.rand(n, 1, 1)
    u = (xx - cx) * angle.cos() + (yy - cy) * angle.sin()
    v = -(xx - cx) * angle.sin() + (yy - cy) * angle.cos()
    return torch.exp(-(u / a) ** 2 - (v / b) ** 2).unsqueeze(1)


class Autoencoder(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.GELU(),
            nn.Flatten(), nn.Linear(256, latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, 128), nn.GELU(), nn.Linear(128, 256), nn.Sigmoid(), nn.Unflatten(1, (1, 16, 16)))
        self.last_z = None

    def forward(self, x):
        z = self.encoder(x)
        self.last_z = z.detach()  # here
        return self.decoder(self.last_z)  # fault
        # fixed: return self.decoder(z)


images = draw(448)
mean, std = images[:384].mean(), images[:384].std()
inputs = (images - mean) / std
train_loader = DataLoader(TensorDataset(inputs[:384], images[:384]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(inputs[384:], images[384:]), batch_size=64)
model = Autoencoder()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader) / len(val_loader.dataset)


def train(epochs=12):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        evaluate()
    return total / len(train_loader.dataset)


if __name__ == "__main__":
    print(train())
