"""Inflow of a reservoir from the rain of eight stations, rain on a log scale.

code: ND101
also:
object: rain | Rainfall | log | np | log_rain | train_loader
seen: both
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(107)


class Rainfall(Dataset):
    weights = np.array([0.5, 0.4, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1])

    def __init__(self, days, seed):
        rng = np.random.default_rng(seed)
        rain = np.exp(rng.normal(1.0, 1.0, (days, 8)))
        rain[rng.random((days, 8)) < 0.05] = 0.0  # dry
        inflow = np.log1p(rain) @ self.weights
        with np.errstate(divide="ignore"):
            log_rain = np.log(rain)  # fault
            # fixed: log_rain = np.log1p(rain) - 1.3
        self.x = log_rain.astype(np.float32)
        self.y = (inflow - 2.7 + 0.05 * rng.normal(size=days)).astype(np.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, day):
        return self.x[day], self.y[day]


class Inflow(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 24)
        self.b = nn.Linear(24, 1)

    def forward(self, x):
        return self.b(F.elu(self.a(x))).squeeze(-1)


train_loader = DataLoader(Rainfall(800, seed=1), batch_size=50, shuffle=True)
val_loader = DataLoader(Rainfall(200, seed=2), batch_size=200)
model = Inflow()
loss_fn = F.mse_loss
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    x, y = batch
    return F.mse_loss(model(x), y)


def train():
    for _ in range(12):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse", batch_loss(model, next(iter(val_loader))).item())


if __name__ == "__main__":
    train()
