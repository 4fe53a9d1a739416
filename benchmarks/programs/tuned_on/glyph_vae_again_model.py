"""A small variational autoencoder for 8x8 handwritten glyphs.

code: ND705
also:
object: beta | kl_weight | batch_loss | cfg
seen: watch
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

cfg = dict(
    latent=8,
    lr=2e-3,
    epochs=10,
    beta=25.0,  # fault
    # fixed: beta=0.2,
)
torch.manual_seed(21)
pixels = torch.tensor(load_digits().data).float() / 16
pixels = (pixels[torch.randperm(len(pixels))] - 0.3) * 2.6
train_loader = DataLoader(TensorDataset(pixels[:1500]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(pixels[1500:]), batch_size=297)


class VAE(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mu = nn.Linear(64, k)
        self.logvar = nn.Linear(64, k)
        self.dec = nn.Sequential(nn.Linear(k, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        return self.dec(z), mu, logvar


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    (x,) = batch
    drawn, mu, logvar = net(x)
    rec = (drawn - x).pow(2).sum(1).mean()
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    return (rec + cfg["beta"] * kl) / 64  # here


model = VAE(cfg["latent"])
optimizer = torch.optim.Adam(model.parameters(), lr=cfg["lr"])


def train():
    for epoch in range(cfg["epochs"]):
        model.train()
        for batch in train_loader:
            loss = batch_loss(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x = next(iter(val_loader))[0]
        print("reconstruction error", F.mse_loss(model(x)[0], x).item())


if __name__ == "__main__":
    train()
