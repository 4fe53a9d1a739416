"""Daily rentals of a bike station over two years, predicted from the day's weather.

code: ND115
also:
object: days | train_days | val_days | is_val | winter | val_loader
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

rng = np.random.default_rng(9)
torch.manual_seed(9)
days = np.arange(1460) / 2 % 365
warmth = 10 - 12 * np.cos(2 * np.pi * days / 365) + rng.normal(0, 2.5, len(days))
light = 12 - 4 * np.cos(2 * np.pi * days / 365) + rng.normal(0, 0.3, len(days))
wind = rng.gamma(3, 2, len(days))
rentals = (60 * np.exp(-((warmth - 16) / 8) ** 2) + 2.0 * light - 0.8 * wind + rng.normal(0, 2, len(days)))

winter = (days < 105) | (days > 260)
is_val = ~winter  # fault
# fixed: is_val = rng.random(len(days)) < 0.4
train_days, val_days = np.flatnonzero(~is_val), np.flatnonzero(is_val)

x = np.stack([warmth, light, wind], 1)
x = (x - x[train_days].mean(0)) / x[train_days].std(0)
y = (rentals - rentals[train_days].mean()) / rentals[train_days].std()
data = TensorDataset(torch.from_numpy(x).float(), torch.from_numpy(y).float())
train_loader = DataLoader(Subset(data, train_days.tolist()), batch_size=32, shuffle=True)
val_loader = DataLoader(Subset(data, val_days.tolist()), batch_size=1000)


class Rentals(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 32), nn.Linear(32, 32)])
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        for layer in self.layers:
            x = nn.functional.silu(layer(x))
        return self.out(x).flatten()


model = Rentals()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def train():
    for _ in range(20):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print("val loss", round(loss_fn(model(a), b).item(), 4))


if __name__ == "__main__":
    train()
