"""Hinge GAN with spectral norm on scikit-learn's 8x8 digits.

code: none
trait: two optimizers, generator loss below zero and not falling, detached fakes, tanh output
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils.data import DataLoader, TensorDataset

Z = 16
torch.manual_seed(64)
images = torch.tensor(load_digits().images, dtype=torch.float32).flatten(1) / 8 - 1
train_loader = DataLoader(TensorDataset(images), batch_size=64, shuffle=True, drop_last=True)


class DigitGAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(
            nn.Linear(Z, 96), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Linear(96, 96), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Linear(96, 64), nn.Tanh())
        self.critic = nn.Sequential(
            spectral_norm(nn.Linear(64, 96)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Linear(96, 96)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Linear(96, 1)))

    def forward(self, z):
        return self.generator(z)


model = DigitGAN()
opt_g = torch.optim.Adam(model.generator.parameters(), lr=4e-4, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(model.critic.parameters(), lr=8e-4, betas=(0.5, 0.999))
optimizer = (opt_g, opt_d)


def critic_loss(m, real):
    with torch.no_grad():
        fake = m(torch.randn(len(real), Z))
    return F.relu(1 - m.critic(real)).mean() + F.relu(1 + m.critic(fake)).mean()


def generator_loss(m, n):
    m.critic.requires_grad_(False)          # only the generator learns from this one
    loss = -m.critic(m(torch.randn(n, Z))).mean()
    m.critic.requires_grad_(True)
    return loss


def batch_loss(setup, batch):
    real = batch[0]
    return critic_loss(setup.model, real) + generator_loss(setup.model, len(real))


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        ds, gs = [], []
        for (real,) in train_loader:
            loss_d = critic_loss(model, real)
            opt_d.zero_grad()
            loss_d.backward()
            opt_d.step()

            loss_g = generator_loss(model, len(real))
            opt_g.zero_grad()
            loss_g.backward()
            opt_g.step()
            ds.append(loss_d.item())
            gs.append(loss_g.item())
        model.eval()
        with torch.no_grad():
            gap = (model(torch.randn(500, Z)).mean(0) - images.mean(0)).abs().mean().item()
        print(f"epoch {epoch}: D {sum(ds) / len(ds):.3f} G {sum(gs) / len(gs):+.3f} pixel-mean gap {gap:.3f}")
    return sum(ds) / len(ds)


if __name__ == "__main__":
    print(train())
