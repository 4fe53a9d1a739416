"""Warn of a failing wind-turbine bearing: one turbine-day a row, failures are rare.

code: ND107
also:
object: loss_fn | pos_weight | BCEWithLogitsLoss | failing | train_loader | sampler
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(40)
rng = np.random.default_rng(40)

n = 4000
failing = (rng.random(n) < 0.03).astype(np.float32)
days = pd.DataFrame({
    "vibration": rng.normal(0, 1, n) + 1.3 * failing,
    "bearing_temp": rng.normal(0, 1, n) + 1.1 * failing,
    "oil_particles": rng.normal(0, 1, n) + 0.9 * failing,
    "wind_speed": rng.normal(0, 1, n),
    "power": rng.normal(0, 1, n) - 0.4 * failing,
})
days["failing"] = failing
train_days, val_days = days[:3000], days[3000:]


def as_set(part):
    x = torch.tensor(part.drop(columns="failing").to_numpy(), dtype=torch.float32)
    return TensorDataset(x, torch.tensor(part["failing"].to_numpy()).float())


train_loader = DataLoader(as_set(train_days), batch_size=100, shuffle=True)
val_loader = DataLoader(as_set(val_days), batch_size=500)


class Alarm(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


model = Alarm()
share = train_days["failing"].mean()
loss_fn = nn.BCEWithLogitsLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor((1 - share) / share, dtype=torch.float32))
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def recalls():
    model.eval()
    with torch.no_grad():
        guess = torch.cat([model(x) > 0 for x, _ in val_loader])
    truth = torch.cat([y > 0.5 for _, y in val_loader])
    return guess[truth].float().mean().item(), (~guess[~truth]).float().mean().item()


def train():
    for epoch in range(12):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    caught, quiet = recalls()
    print(f"failures caught {caught:.2f}, quiet on good days {quiet:.2f}, balanced {(caught + quiet) / 2:.2f}")


if __name__ == "__main__":
    train()
