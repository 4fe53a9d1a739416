"""Wind power from forecast: a mixture density network, since the same forecast can mean calm or storm.

code: none
trait: the loss is a negative log-density that goes well below zero; exp and log in the model
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def simulate(n, seed):
    g = torch.Generator().manual_seed(seed)
    speed = torch.rand(n, 1, generator=g) * 2 - 1
    front = torch.rand(n, 1, generator=g) < 0.35                      # passes early, or late
    gust = torch.rand(n, 1, generator=g) * 2 - 1
    power = torch.where(front, 0.8 * torch.sigmoid(5 * speed + gust), 0.35 * torch.sigmoid(4 * speed) + 0.1 * gust)
    power = power + 0.015 * torch.randn(n, 1, generator=g)
    return TensorDataset(torch.cat([speed, gust], 1) * 1.7, (power - 0.3) / 0.25)


class MDN(nn.Module):
    def __init__(self, hidden=48, k=3):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.logits = nn.Linear(hidden, k)
        self.mu = nn.Linear(hidden, k)
        self.log_sigma = nn.Linear(hidden, k)

    def forward(self, x):
        h = self.body(x)
        return self.logits(h), self.mu(h), self.log_sigma(h).clamp(-5, 2)


def mdn_nll(params, y):
    logits, mu, log_sigma = params
    z = (y - mu) * torch.exp(-log_sigma)
    component = -0.5 * z ** 2 - log_sigma - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(torch.log_softmax(logits, -1) + component, -1).mean()


torch.manual_seed(9)
train_loader = DataLoader(simulate(1536, 0), batch_size=64, shuffle=True)
val_loader = DataLoader(simulate(384, 1), batch_size=384)
model = MDN()
loss_fn = mdn_nll
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)


def train():
    for epoch in range(12):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
        print(f"{epoch:2d}  nll {sum(losses) / len(losses):+.3f}  val {val:+.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
