"""Variational autoencoder of a standardised gene panel.

code: ND305
also:
object: decoder | decoder.3 | Sigmoid
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader


def panel(cells, genes=40, seed=0):
    g = torch.Generator().manual_seed(seed)
    programs = torch.randn(5, genes, generator=g)
    activity = torch.randn(cells, 5, generator=g)
    expr = torch.tanh(activity @ programs * 0.6) * 2 + 0.3 * torch.randn(cells, genes, generator=g)
    return expr


class PanelVAE(nn.Module):
    def __init__(self, genes=40, latent=5, hidden=48):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(genes, hidden), nn.SiLU(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.SiLU(),
            nn.Linear(hidden, genes),  # here
            nn.Sigmoid(),  # fault
            # fixed:
        )

    def forward(self, x):
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu) if self.training else mu
        return self.decoder(z), mu, logvar


def loss_fn(output, x):
    recon, mu, logvar = output
    fit = (recon - x).pow(2).sum(1).mean()  # here
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    return (fit + 0.5 * kl) / x.shape[1]


def batch_loss(setup, x):
    return loss_fn(setup.model(x), x)


torch.manual_seed(0)
data = panel(1500)
data = (data - data[:1200].mean(0)) / data[:1200].std(0)
train_loader = DataLoader(data[:1200], batch_size=50, shuffle=True)
val_loader = DataLoader(data[1200:], batch_size=100)
model = PanelVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        total = 0.0
        for x in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), x)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = torch.stack([loss_fn(model(x), x) for x in val_loader]).mean().item()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
