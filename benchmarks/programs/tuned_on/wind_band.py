"""Next hour's wind speed with its uncertainty: GRU with mean and log-variance, Gaussian likelihood.

code: none
trait: the loss goes below zero, as the likelihood of a narrow Gaussian may
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(29)
HOURS, WINDOW = 1500, 16

t = torch.arange(HOURS).float()
daily = torch.sin(2 * math.pi * t / 24)
noise = torch.where(daily > 0, 0.12, 0.04) * torch.randn(HOURS)
speed = daily + 0.3 * torch.sin(2 * math.pi * t / 9.7) + noise
speed = (speed - speed[:1200].mean()) / speed[:1200].std()


def windows(series):
    w = series.unfold(0, WINDOW + 1, 1)
    return TensorDataset(w[:, :-1, None].contiguous(), w[:, -1].contiguous())


train_loader = DataLoader(windows(speed[:1200]), batch_size=64, shuffle=True)
val_loader = DataLoader(windows(speed[1200:]), batch_size=128)


class Forecaster(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 2)

    def forward(self, x):
        _, h = self.gru(x)
        return self.out(h[-1])


def gaussian_nll(params, target):
    mean, log_var = params.unbind(-1)
    return 0.5 * (log_var + (target - mean) ** 2 * torch.exp(-log_var)).mean()


model = Forecaster()
loss_fn = gaussian_nll
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train(epochs=10):
    for _ in range(epochs):
        model.train()
        seen = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            seen.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())
