"""Price of a parcel from its size, weight, distance and service.

code: ND602
also:
object: zero_grad | step | optimizer | fit_batch
seen: watch
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(19)
torch.manual_seed(19)
n = 1600
t = pd.DataFrame({
    "kg": rng.gamma(2, 2, n), "litres": rng.gamma(3, 6, n), "km": rng.uniform(5, 900, n),
    "service": rng.choice(["slow", "normal", "express"], n),
})
rate = t.service.map({"slow": 0.7, "normal": 1.0, "express": 1.8})
t["euro"] = 3 + rate * (0.6 * np.maximum(t.kg, t.litres / 5) + 0.006 * t.km) + rng.normal(0, 0.2, n)
t = pd.get_dummies(t, columns=["service"], dtype=float)
num = ["kg", "litres", "km", "euro"]
t[num] = (t[num] - t[num].iloc[:1300].mean()) / t[num].iloc[:1300].std()
y = torch.tensor(t.pop("euro").to_numpy()).float()
x = torch.tensor(t.to_numpy()).float()

train_loader = DataLoader(TensorDataset(x[:1300], y[:1300]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1300:], y[1300:]), batch_size=100)


class Price(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.price = nn.Linear(32, 1)

    def forward(self, x):
        return self.price(self.body(x)).flatten()


model = Price()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)


def fit_batch(xb, yb):
    model.train()
    loss = loss_fn(model(xb), yb)
    loss.backward()
    optimizer.zero_grad()  # fault
    # fixed: optimizer.step()
    optimizer.step()  # fault
    # fixed: optimizer.zero_grad()
    return loss.item()


def train():
    for epoch in range(12):
        losses = [fit_batch(xb, yb) for xb, yb in train_loader]
    model.eval()
    with torch.no_grad():
        val = np.mean([loss_fn(model(a), b).item() for a, b in val_loader])
    print("train", np.mean(losses), "val", val)


if __name__ == "__main__":
    train()
