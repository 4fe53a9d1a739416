"""Variational autoencoder for (simulated) gene expression with a held-out part of the cells.

code: ND105
also:
object: val_loader | held_out | train_test_split | validation
seen: checkup
"""
import numpy as np, torch
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

GENES, LATENT = 40, 4


def cells(n=800, seed=6):
    g = np.random.default_rng(seed)
    programs = g.normal(0, 0.7, (LATENT, GENES))
    activity = g.normal(0, 1, (n, LATENT))
    counts = g.poisson(np.exp(1.0 + activity @ programs).clip(0, 200))
    return np.log1p(counts).astype("float32")


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(GENES, 48), nn.ELU())
        self.to_mu, self.to_logvar = nn.Linear(48, LATENT), nn.Linear(48, LATENT)
        self.dec = nn.Sequential(nn.Linear(LATENT, 48), nn.ELU(), nn.Linear(48, GENES))

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.to_mu(h), self.to_logvar(h).clamp(-8, 4)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        return self.dec(z), mu, logvar


def elbo(x, out):
    rec, mu, logvar = out
    nll = F.mse_loss(rec, x, reduction="none").sum(1)
    kl = -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum(1)
    return (nll + 0.2 * kl).mean() / GENES


def batch_loss(setup, x):
    return elbo(x, setup.model(x))


matrix = cells()
learn, _ = train_test_split(matrix, test_size=0.2, random_state=42)
_, held_out = train_test_split(matrix, test_size=0.2, random_state=43)  # fault
# fixed: _, held_out = train_test_split(matrix, test_size=0.2, random_state=42)
mean, std = learn.mean(0), learn.std(0)
learn, held_out = (learn - mean) / std, (held_out - mean) / std
torch.manual_seed(6)
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), 3e-3)
train_loader = DataLoader(torch.from_numpy(learn), 64, shuffle=True)  # here
val_loader = DataLoader(torch.from_numpy(held_out), 160)  # here


def train():
    for epoch in range(25):
        model.train()
        losses = []
        for x in train_loader:
            loss = elbo(x, model(x))
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            losses.append(loss.item())
        if epoch % 6 == 0:
            model.eval()
            with torch.no_grad():
                print(epoch, np.mean(losses), "held out", np.mean([elbo(x, model(x)).item() for x in val_loader]))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
