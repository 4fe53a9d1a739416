"""A VAE on spirals of dots (12 numbers each).

code: ND605
also:
object: optimizer | lr
seen: both
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    latent: int = 2
    hidden: int = 48
    epochs: int = 15
    batch: int = 50
    lr: float = 2e-9  # fault
    # fixed: lr: float = 2e-3
    beta: float = 0.1


cfg = Config()
torch.manual_seed(23)


def spirals(n):
    growth, start = 0.5 + torch.rand(n, 1), torch.rand(n, 1) * 3
    angle = torch.linspace(0, 5, 6)
    r = torch.exp(-0.2 * growth * angle)
    dots = torch.stack([r * torch.cos(angle + start), r * torch.sin(angle + start)], -1).flatten(1)
    return dots / 0.6 + 0.02 * torch.randn(n, 12)


class VAE(nn.Module):
    def __init__(self, latent, hidden):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(12, hidden), nn.Tanh())
        self.mean, self.log_var = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.outer = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, 12))

    def forward(self, x):
        h = self.inner(x)
        mean, log_var = self.mean(h), self.log_var(h)
        z = mean + torch.randn_like(mean) * (0.5 * log_var).exp() if self.training else mean
        return self.outer(z), mean, log_var


def elbo(outputs, x):
    picture, mean, log_var = outputs
    kl = -0.5 * (1 + log_var - mean ** 2 - log_var.exp()).sum(1).mean()
    return F.mse_loss(picture, x) + cfg.beta * kl / 12


train_loader = DataLoader(TensorDataset(spirals(800)), batch_size=cfg.batch, shuffle=True)
val_loader = DataLoader(TensorDataset(spirals(200)), batch_size=cfg.batch)
model = VAE(cfg.latent, cfg.hidden)
optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)  # here


def batch_loss(setup, batch):
    (x,) = batch
    return elbo(setup.model(x), x)


def train():
    for epoch in range(cfg.epochs):
        model.train()
        losses = []
        for (x,) in train_loader:
            optimizer.zero_grad()
            loss = elbo(model(x), x)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(elbo(model(x), x).item() for (x,) in val_loader) / len(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
