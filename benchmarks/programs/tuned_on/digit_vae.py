"""A small VAE on sklearn's digits.

code: none
trait: the loss is a sum of a reconstruction and a KL term far from zero; noise in the forward pass; targets are the inputs
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(52)
images = torch.tensor(load_digits().data / 16, dtype=torch.float32)
images = images[torch.randperm(len(images))]
train_loader = DataLoader(TensorDataset(images[:1450]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(images[1450:]), batch_size=100)


class VAE(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 96), nn.SiLU())
        self.mu, self.logvar = nn.Linear(96, latent), nn.Linear(96, latent)
        self.dec = nn.Sequential(nn.Linear(latent, 96), nn.SiLU(), nn.Linear(96, 64))

    def forward(self, x):
        h = self.enc(x - 0.305)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return self.dec(z), mu, logvar


def elbo(outputs, x):
    logits, mu, logvar = outputs
    rebuilt = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(1)
    return (rebuilt + kl).mean()


model = VAE()
loss_fn = elbo
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    x, = batch
    return elbo(setup.model(x), x)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, in train_loader:
            optimizer.zero_grad()
            loss = elbo(model(x), x)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(elbo(model(x), x).item() for x, in val_loader) / len(val_loader)
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    train()
