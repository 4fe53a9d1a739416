"""Density of detector hits: RealNVP with affine couplings.

code: none
trait: the loss is a negative log-likelihood that falls below zero, coupling nets end in zeros, every second layer passes its half unchanged, no targets at all
"""
import math

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_moons
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2017)


class Coupling(nn.Module):
    def __init__(self, flip, hidden=48):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 4))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        a, b = x.chunk(2, 1)
        if self.flip:
            a, b = b, a
        log_s, t = self.net(a).chunk(2, 1)
        log_s = 1.5 * torch.tanh(log_s)
        b = b * log_s.exp() + t
        z = torch.cat([b, a], 1) if self.flip else torch.cat([a, b], 1)
        return z, log_s.sum(1)


class RealNVP(nn.Module):
    def __init__(self, layers=6):
        super().__init__()
        self.couplings = nn.ModuleList([Coupling(k % 2 == 1) for k in range(layers)])

    def forward(self, x):
        log_det = x.new_zeros(len(x))
        for c in self.couplings:
            x, ld = c(x)
            log_det = log_det + ld
        return x, log_det

    def log_prob(self, x):
        z, log_det = self(x)
        return -0.5 * (z ** 2).sum(1) - z.shape[1] / 2 * math.log(2 * math.pi) + log_det


def detector(n, seed):
    """two arcs in two correlated planes (4 coordinates)"""
    first, _ = make_moons(n, noise=0.05, random_state=seed)
    second = first[:, ::-1] * np.array([0.8, -1.1]) + np.random.RandomState(seed + 50).normal(0, 0.05, (n, 2))
    return np.concatenate([first, second], 1)


train_x, val_x = detector(1200, 0), detector(300, 1)
mean, std = train_x.mean(0), train_x.std(0)


def as_loader(x, **kw):
    return DataLoader(TensorDataset(torch.tensor((x - mean) / std, dtype=torch.float32)), **kw)


train_loader = as_loader(train_x, batch_size=100, shuffle=True)
val_loader = as_loader(val_x, batch_size=300)
model = RealNVP()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return -setup.model.log_prob(batch[0]).mean()


def train(epochs=20):
    for epoch in range(epochs):
        model.train()
        nll = []
        for (x,) in train_loader:
            optimizer.zero_grad()
            loss = -model.log_prob(x).mean()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            nll.append(loss.item())
        if epoch % 4 == 3:
            model.eval()
            with torch.no_grad():
                val = np.mean([-model.log_prob(x).mean().item() for (x,) in val_loader])
            print(f"epoch {epoch + 1:2d}: train nll {np.mean(nll):.3f}, val nll {val:.3f}")
    return float(np.mean(nll))


if __name__ == "__main__":
    print(train())
