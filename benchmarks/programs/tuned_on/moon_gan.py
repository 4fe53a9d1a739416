"""A GAN that learns the two moons.

code: ND603
also:
object: opt_d | optimizer | zero_grad | discriminator
seen: watch
"""
import torch, torch.nn as nn, torch.nn.functional as F
from sklearn.datasets import make_moons
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
moons = torch.tensor(make_moons(1024, noise=0.05, random_state=0)[0], dtype=torch.float32)
moons = (moons - moons.mean(0)) / moons.std(0)
train_loader = DataLoader(TensorDataset(moons), batch_size=64, shuffle=True, drop_last=True)


class GAN(nn.Module):
    def __init__(self, z=4, h=48):
        super().__init__()
        self.z = z
        self.generator = nn.Sequential(nn.Linear(z, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, h), nn.LeakyReLU(0.2), nn.Linear(h, h), nn.LeakyReLU(0.2), nn.Linear(h, 1))

    def fake(self, n):
        return self.generator(torch.randn(n, self.z))


model = GAN()
opt_g = torch.optim.Adam(model.generator.parameters(), lr=1e-3, betas=(0.5, 0.99))
opt_d = torch.optim.Adam(model.discriminator.parameters(), lr=1e-3, betas=(0.5, 0.99))
optimizer = (opt_g, opt_d)


def d_loss(real):
    m, n = model, len(real)
    return F.softplus(-m.discriminator(real)).mean() + F.softplus(m.discriminator(m.fake(n).detach())).mean()


def g_loss(n):
    return F.softplus(-model.discriminator(model.fake(n))).mean()


def batch_loss(setup, batch):
    real, m = batch[0], setup.model
    fake = m.fake(len(real))
    return F.softplus(-m.discriminator(real)).mean() + F.softplus(m.discriminator(fake.detach())).mean() + F.softplus(-m.discriminator(fake)).mean()


def train():
    d_hist = []
    for epoch in range(16):
        for (real,) in train_loader:
            opt_g.zero_grad()  # fault
            # fixed: opt_d.zero_grad()
            ld = d_loss(real)
            ld.backward()  # here
            opt_d.step()  # here

            opt_g.zero_grad()
            lg = g_loss(len(real))
            lg.backward()
            opt_g.step()
            d_hist.append(ld.item())
    return sum(d_hist[-32:]) / 32


if __name__ == "__main__":
    print("discriminator loss", train())
