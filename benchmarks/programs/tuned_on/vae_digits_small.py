"""VAE on the 8x8 digits, close to pytorch/examples/vae.

code: ND405
also:
object: KLD | loss_function | loss_fn
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import optim
from torch.utils.data import DataLoader

torch.manual_seed(1)
images = torch.tensor(load_digits().images / 16.0, dtype=torch.float32)
order = torch.randperm(len(images))
train_loader = DataLoader(images[order[:1500]], batch_size=100, shuffle=True)
val_loader = DataLoader(images[order[1500:]], batch_size=297)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 80)
        self.fc21 = nn.Linear(80, 8)
        self.fc22 = nn.Linear(80, 8)
        self.fc3 = nn.Linear(8, 80)
        self.fc4 = nn.Linear(80, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


# Reconstruction + KL divergence, per image
def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction='none').sum(1)
    # see Appendix B from VAE paper: Kingma and Welling, 2014
    KLD = 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)  # fault
    # fixed: KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
    return (BCE + KLD).mean()  # here


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-3)


def batch_loss(setup, data):
    recon, mu, logvar = setup.model(data)
    return loss_function(recon, data, mu, logvar)  # here


def test(epoch):
    model.eval()
    test_loss = 0
    with torch.no_grad():
        for data in val_loader:
            recon, mu, logvar = model(data)
            test_loss += F.binary_cross_entropy(recon, data.view(-1, 64), reduction='sum').item()
    print('====> Test set reconstruction at epoch {}: {:.4f}'.format(epoch, test_loss / 297))


def train(epochs=15):
    for epoch in range(1, epochs + 1):
        model.train()
        train_loss = 0
        for data in train_loader:
            optimizer.zero_grad()
            recon_batch, mu, logvar = model(data)
            loss = loss_function(recon_batch, data, mu, logvar)  # here
            if not torch.isfinite(loss):
                return loss.item()
            loss.backward()
            train_loss += loss.item() * len(data)
            optimizer.step()
        if epoch % 5 == 0:
            print('====> Epoch: {} Average loss: {:.4f}'.format(epoch, train_loss / 1500))
            test(epoch)
    return train_loss / 1500


if __name__ == "__main__":
    print(train())
