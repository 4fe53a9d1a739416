"""A small hinge GAN that learns a ring of eight Gaussians.

code: none
trait: GAN with two optimizers, the generator's loss goes below zero and the losses do not fall; D sees detached fakes
"""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import spectral_norm
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(888)

angle = torch.randint(0, 8, (2048,)) * (math.pi / 4)
points = torch.stack([angle.cos(), angle.sin()], 1) * 1.4 + 0.08 * torch.randn(2048, 2)
train_loader = DataLoader(TensorDataset(points), batch_size=128, shuffle=True, drop_last=True)

Z = 8


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(Z, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, z):
        return self.net(z)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            spectral_norm(nn.Linear(2, 64)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Linear(64, 64)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Linear(64, 1)),
        )

    def forward(self, x):
        return self.net(x).squeeze(1)


model = nn.ModuleDict({"G": Generator(), "D": Critic()})
opt_g = torch.optim.Adam(model["G"].parameters(), lr=1e-3, betas=(0.0, 0.9))
opt_d = torch.optim.Adam(model["D"].parameters(), lr=2e-3, betas=(0.0, 0.9))
optimizer = (opt_g, opt_d)
loss_fn = None


def d_loss(D, real, fake):
    return F.relu(1 - D(real)).mean() + F.relu(1 + D(fake)).mean()


def batch_loss(setup, batch):
    (real,) = batch
    fake = setup.model["G"](torch.randn(len(real), Z))
    return d_loss(setup.model["D"], real, fake.detach()) - setup.model["D"](fake).mean()


def train():
    G, D = model["G"], model["D"]
    model.train()
    for epoch in range(12):
        for (real,) in train_loader:
            fake = G(torch.randn(len(real), Z))
            ld = d_loss(D, real, fake.detach())
            opt_d.zero_grad()
            ld.backward()
            opt_d.step()

            lg = -D(G(torch.randn(len(real), Z))).mean()
            opt_g.zero_grad()
            lg.backward()
            opt_g.step()
        with torch.no_grad():
            radius = G(torch.randn(512, Z)).norm(dim=1).mean()
        if epoch % 4 == 3:
            print(f"{epoch} D {ld.item():.3f} G {lg.item():.3f} radius {radius:.3f}")
    return ld.item()


if __name__ == "__main__":
    print(train())
