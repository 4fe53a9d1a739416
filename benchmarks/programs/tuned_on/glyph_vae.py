"""VAE over sklearn's 8x8 digits.

code: ND405
also:
object: KLD | loss_function | loss_fn | kl
seen: both
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader

torch.manual_seed(1)
images = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
images = images[torch.randperm(len(images))]
train_loader = DataLoader(images[:1500], batch_size=64, shuffle=True)
val_loader = DataLoader(images[1500:], batch_size=64)


class VAE(nn.Module):
    def __init__(self, z=8):
        super().__init__()
        self.fc1 = nn.Linear(64, 48)
        self.fc21 = nn.Linear(48, z)
        self.fc22 = nn.Linear(48, z)
        self.fc3 = nn.Linear(z, 48)
        self.fc4 = nn.Linear(48, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-3)


# Reconstruction + KL divergence, per image
def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x, reduction="sum")
    KLD = 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())  # fault
    # fixed: KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (BCE + KLD) / len(x)  # here


def loss_fn(outputs, x):
    return loss_function(outputs[0], x, outputs[1], outputs[2])  # here


def batch_loss(setup, x):
    return loss_fn(setup.model(x), x)


def train(epochs=8):
    for epoch in range(1, epochs + 1):
        model.train()
        train_loss = 0
        for data in train_loader:
            optimizer.zero_grad()
            recon_batch, mu, logvar = model(data)
            loss = loss_function(recon_batch, data, mu, logvar)  # here
            loss.backward()
            train_loss += loss.item() * len(data)
            optimizer.step()
        model.eval()
        with torch.no_grad():
            test_loss = sum(loss_fn(model(d), d).item() * len(d) for d in val_loader) / len(val_loader.dataset)
    return train_loss / len(train_loader.dataset)


if __name__ == "__main__":
    print("====> Average loss:", train())
