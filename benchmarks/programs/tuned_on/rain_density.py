"""Mixture density network for the (log) rain rate seen by a radar: the loss is a log density and goes below zero.

code: none
trait: negative loss that is legal, softplus and log in the head, three outputs from one trunk, an odd last batch
"""
import math
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)


def radar(n):
    """Reflectivity and differential phase (standardised); stratiform and convective rain differ."""
    z = torch.randn(n, 2)
    convective = torch.rand(n) < torch.sigmoid(2 * z[:, 0])
    mean = torch.where(convective, 0.5 + 0.3 * z[:, 1], -0.5 + 0.2 * z[:, 0])
    return TensorDataset(z, mean + 0.08 * torch.randn(n))


class MDN(nn.Module):
    def __init__(self, components=3, hidden=48):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.params = nn.Linear(hidden, 3 * components)

    def forward(self, z):
        logits, mu, raw = self.params(self.trunk(z)).chunk(3, -1)
        return logits, mu, F.softplus(raw) + 1e-3


def nll(out, y):
    logits, mu, sigma = out
    log_normal = -0.5 * ((y[:, None] - mu) / sigma) ** 2 - sigma.log() - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(F.log_softmax(logits, -1) + log_normal, -1).mean()


train_loader = DataLoader(radar(1010), batch_size=50, shuffle=True)
val_loader = DataLoader(radar(250), batch_size=125)
model = MDN()
loss_fn = nll
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=15):
    for epoch in range(epochs):
        model.train()
        total = n = 0
        for z, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(z), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            total, n = total + loss.item() * len(y), n + len(y)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(z), y).item() * len(y) for z, y in val_loader) / len(val_loader.dataset)
        print(f"{epoch} {total / n:.3f} {val:.3f}")
    return total / n


if __name__ == "__main__":
    print(train())
