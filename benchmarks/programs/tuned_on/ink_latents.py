"""Variational autoencoder of 8x8 digits.

code: ND602
also:
object: optimizer | zero_grad | step | train
seen: watch
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2013)


class VAE(nn.Module):
    def __init__(self, latent=6):
        super().__init__()
        self.fc1 = nn.Linear(64, 96)
        self.fc21 = nn.Linear(96, latent)
        self.fc22 = nn.Linear(96, latent)
        self.fc3 = nn.Linear(latent, 96)
        self.fc4 = nn.Linear(96, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def vae_loss(recon, x, mu, logvar):
    bce = F.binary_cross_entropy_with_logits(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + kld) / x.size(0)


pixels = torch.tensor(load_digits().data, dtype=torch.float32) / 16
tr, te = train_test_split(pixels, test_size=0.2, random_state=0)
train_loader = DataLoader(TensorDataset(tr), batch_size=64, shuffle=True, drop_last=True)
val_loader = DataLoader(TensorDataset(te), batch_size=180)
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    x = batch[0]
    return vae_loss(setup.model(x)[0], x, *setup.model.encode(x))


def train(epochs=10):
    for epoch in range(1, epochs + 1):
        model.train()
        train_loss = 0
        for (data,) in train_loader:
            recon, mu, logvar = model(data)
            loss = vae_loss(recon, data, mu, logvar)
            loss.backward()  # here
            train_loss += loss.item()
            optimizer.zero_grad()  # fault
            # fixed: optimizer.step()
            optimizer.step()  # fault
            # fixed: optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            test_loss = sum(vae_loss(model(x)[0], x, *model.encode(x)).item() for (x,) in val_loader) / len(val_loader)
        print("====> Epoch: {} Average loss: {:.3f}  test: {:.3f}".format(epoch, train_loss / len(train_loader), test_loss))
    return train_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
