"""Waiting time at a bus stop, whose distribution has three humps: a mixture density network.

code: ND704
also:
object: K | components | Mixture
seen: watch
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

K = 1  # fault
# fixed: K = 5
torch.manual_seed(61)
n = 1500
when = torch.rand(n, 1) * 2 - 1
line = torch.randint(0, 3, (n, 1)).float() - 1
wait = line * (1.2 + 0.3 * when) + 0.4 * torch.sin(3 * when) + 0.05 * torch.randn(n, 1)
train_loader = DataLoader(TensorDataset(when[:1200], wait[:1200]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(when[1200:], wait[1200:]), batch_size=300)


class Mixture(nn.Module):
    def __init__(self, components):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh())
        self.mean = nn.Linear(48, components)
        self.log_sd = nn.Linear(48, components)
        self.weight = nn.Linear(48, components) if components > 1 else None
        with torch.no_grad():
            self.mean.bias.copy_(torch.linspace(-1, 1, components) if components > 1 else torch.zeros(1))

    def forward(self, x):
        h = self.body(x)
        w = self.weight(h).log_softmax(1) if self.weight is not None else torch.zeros(len(x), 1)
        return w, self.mean(h), self.log_sd(h).clamp(-4, 3)


def loss_fn(out, y):
    w, mean, log_sd = out
    z = (y - mean) / log_sd.exp()
    return -torch.logsumexp(w - 0.5 * z**2 - log_sd - 0.5 * math.log(2 * math.pi), 1).mean()


model = Mixture(K)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    history = []
    for epoch in range(20):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
    print("nll", round(sum(history[-20:]) / 20, 3))


if __name__ == "__main__":
    train()
