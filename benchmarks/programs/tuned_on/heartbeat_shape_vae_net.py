"""Compress the curve of a heartbeat to four numbers with a variational autoencoder.

code: ND705
also: ND405 | ND704 | ND303
object: BETA | beta | kl | elbo | batch_loss
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

BETA = 40.0  # fault
# fixed: BETA = 0.02
torch.manual_seed(52)


class Beats(Dataset):
    """Fifty samples; place, height and width of two waves differ from beat to beat."""

    def __init__(self, n):
        t = torch.linspace(0, 1, 50)
        place = 0.35 + 0.2 * torch.rand(n, 1)
        width = 0.04 + 0.05 * torch.rand(n, 1)
        second = 0.2 + 0.6 * torch.rand(n, 1)
        curve = torch.exp(-((t - place) / width) ** 2) + second * torch.exp(-((t - place - 0.3) / 0.08) ** 2)
        self.curve = (curve + 0.02 * torch.randn(n, 50) - 0.23) / 0.3

    def __len__(self):
        return len(self.curve)

    def __getitem__(self, i):
        return self.curve[i]


class VAE(nn.Module):
    def __init__(self, latent=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(50, 64), nn.ReLU(), nn.Linear(64, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, 50))

    def forward(self, x):
        mean, logvar = self.encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean) if self.training else mean
        return self.decoder(z), mean, logvar


def elbo(x, rebuilt, mean, logvar):
    recon = ((rebuilt - x) ** 2).mean()
    kl = -0.5 * (1 + logvar - mean ** 2 - logvar.exp()).mean()
    return recon + BETA * kl  # here


train_loader = DataLoader(Beats(1500), batch_size=50, shuffle=True)
val_loader = DataLoader(Beats(300), batch_size=150)
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return elbo(batch, *setup.model(batch))


def train():
    for epoch in range(20):
        model.train()
        for x in train_loader:
            optimizer.zero_grad()
            loss = elbo(x, *model(x))
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        left = [((model(x)[0] - x) ** 2).mean().item() for x in val_loader]
    print("loss", loss.item(), "rebuilding error", sum(left) / len(left))


if __name__ == "__main__":
    train()
