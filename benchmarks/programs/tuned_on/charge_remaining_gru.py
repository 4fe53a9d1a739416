"""How much charge is left in a battery? A GRU reads 20 voltage and current samples.

code: ND608
also: ND605
object: clip_grad_norm_ | max_norm | clip | CLIP
seen: both
"""
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Settings:
    epochs: int = 9
    lr: float = 0.2
    clip: float = 1e-4  # fault
    # fixed: clip: float = 1.0


cfg = Settings()
torch.manual_seed(40)


def discharge(n):
    charge = torch.rand(n, 1)
    current = 0.5 + torch.rand(n, 20)
    left = charge - 0.01 * current.cumsum(1)
    voltage = 3.4 + 0.6 * left + 0.15 * torch.tanh(6 * (left - 0.3)) - 0.1 * current
    voltage = voltage + 0.01 * torch.randn(n, 20)
    series = torch.stack([(voltage - 3.6) / 0.25, (current - 1.0) / 0.29], -1)
    target = left[:, -1]
    return series, (target - 0.4) / 0.3


series, left = discharge(640)
train_loader = DataLoader(TensorDataset(series[:512], left[:512]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(series[512:], left[512:]), batch_size=64)


class Gauge(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        states, _ = self.gru(x)
        return self.head(states[:, -1]).squeeze(-1)


model = Gauge()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr)


def train():
    for epoch in range(cfg.epochs):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), cfg.clip)  # here
            optimizer.step()
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
    print("val mse", val)


if __name__ == "__main__":
    train()
