"""VAE over stellar spectra: two absorption lines and a slope, eight latent numbers.

code: ND405
also:
object: kl | batch_loss | elbo | logvar
seen: both
"""
import torch
from torch import nn
from types import SimpleNamespace

torch.manual_seed(210)
wave = torch.linspace(-1, 1, 40)


def spectra(n):
    u = torch.rand(n, 4)
    line = lambda c, d: d * torch.exp(-0.5 * ((wave - c) / 0.08) ** 2)
    s = 0.8 * (u[:, :1] - 0.5) * wave - line(u[:, 1:2] - 0.7, 0.5 + u[:, 2:3]) - line(0.4, u[:, 3:4])
    return s + 0.05 * torch.randn(n, 40)


s = spectra(1000)
s = (s - s[:800].mean(0)) / s[:800].std(0)
train_loader = torch.utils.data.DataLoader(s[:800], batch_size=40, shuffle=True)
val_loader = torch.utils.data.DataLoader(s[800:], batch_size=100)


class SpectrumVAE(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(40, 48), nn.SiLU())
        self.mu, self.logvar = nn.Linear(48, latent), nn.Linear(48, latent)
        self.dec = nn.Sequential(nn.Linear(latent, 48), nn.SiLU(), nn.Linear(48, 40))

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return self.dec(z), mu, logvar


def batch_loss(setup, x):
    rebuilt, mu, logvar = setup.model(x)
    recon = 0.5 * (rebuilt - x).pow(2).sum(1).mean()
    kl = 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()  # fault
    # fixed: kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    return recon + kl  # here


model = SpectrumVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    setup = SimpleNamespace(model=model)
    for epoch in range(8):
        model.train()
        history = []
        for x in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, x)  # here
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            error = torch.cat([(model(x)[0] - x).pow(2).mean(1) for x in val_loader]).mean()
        print(f"{epoch} elbo {-sum(history) / len(history):.3f} validation mse {error:.3f}")
    return sum(history) / len(history)


if __name__ == "__main__":
    print(train())
