"""Variational autoencoder of small sketches.

code: ND602
also:
object: optimizer | train | zero_grad | optimizer.zero_grad | optimizer.step
seen: watch
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader

torch.manual_seed(1)
images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(1))]
train_loader = DataLoader(images[:1500], batch_size=100, shuffle=True)
val_loader = DataLoader(images[1500:], batch_size=100)


class VAE(nn.Module):
    def __init__(self, d=64, h=96, z=8):
        super().__init__()
        self.fc1 = nn.Linear(d, h)
        self.fc21 = nn.Linear(h, z)
        self.fc22 = nn.Linear(h, z)
        self.fc3 = nn.Linear(z, h)
        self.fc4 = nn.Linear(h, d)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        if not self.training:
            return mu
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def elbo(outputs, x):
    recon, mu, logvar = outputs
    bce = F.binary_cross_entropy_with_logits(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + kld) / x.size(0)


model = VAE()
loss_fn = elbo
optimizer = optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch), batch)


def train_epoch():
    model.train()
    train_loss = 0
    for data in train_loader:
        loss = loss_fn(model(data), data)
        loss.backward()  # fault
        # fixed: optimizer.zero_grad()
        # fixed: loss.backward()
        optimizer.zero_grad()  # fault
        # fixed:
        optimizer.step()  # here
        train_loss += loss.item()
    return train_loss / len(train_loader)


def test_epoch():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(data), data).item() for data in val_loader) / len(val_loader)


def train():
    for epoch in range(1, 11):
        train_loss = train_epoch()
        print("====> Epoch: {} Average loss: {:.4f}  Test loss: {:.4f}".format(epoch, train_loss, test_epoch()))
    return train_loss


if __name__ == "__main__":
    print(train())
