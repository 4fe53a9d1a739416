"""A GAN that learns eight blobs on a ring.

code: none
trait: two optimizers, losses that do not fall, generator detached for the discriminator's step
"""
import math

import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(88)
NOISE = 8
where = torch.randint(8, (2000,)) * math.pi / 4
ring = torch.stack([where.cos(), where.sin()], 1) * 1.4 + 0.08 * torch.randn(2000, 2)
train_loader = DataLoader(TensorDataset(ring), batch_size=100, shuffle=True, drop_last=True)


def mlp(a, b, c):
    return nn.Sequential(nn.Linear(a, b), nn.LeakyReLU(0.2), nn.Linear(b, b), nn.LeakyReLU(0.2), nn.Linear(b, c))


class GAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = mlp(NOISE, 48, 2)
        self.discriminator = mlp(2, 48, 1)

    def forward(self, z):
        return self.generator(z)


model = GAN()
loss_fn = None
opt_g = optim.Adam(model.generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = optim.Adam(model.discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
optimizer = (opt_g, opt_d)


def discriminator_loss(gan, real):
    fake = gan(torch.randn(len(real), NOISE)).detach()
    return F.softplus(-gan.discriminator(real)).mean() + F.softplus(gan.discriminator(fake)).mean()


def generator_loss(gan, n):
    return F.softplus(-gan.discriminator(gan(torch.randn(n, NOISE)))).mean()


def batch_loss(setup, batch):
    real, = batch
    return discriminator_loss(setup.model, real) + generator_loss(setup.model, len(real))


def train():
    model.train()
    late = []
    for epoch in range(8):
        for real, in train_loader:
            opt_d.zero_grad()
            d = discriminator_loss(model, real)
            d.backward()
            opt_d.step()
            opt_g.zero_grad()
            g = generator_loss(model, len(real))
            g.backward()
            opt_g.step()
            late.append(d.item())
    with torch.no_grad():
        print("mean radius", model(torch.randn(500, NOISE)).norm(dim=1).mean().item())
    return sum(late[-40:]) / 40


if __name__ == "__main__":
    print(train())
