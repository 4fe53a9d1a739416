"""Yield of a field from soil and weather columns, with a stepped learning rate.

code: ND606
also:
object: scheduler | StepLR
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(4)
torch.manual_seed(4)
N = 1500
fields = pd.DataFrame({
    "nitrogen": np.random.uniform(20, 120, N),
    "ph": np.random.normal(6.5, 0.5, N),
    "rain_mm": np.random.gamma(9, 50, N),
    "sun_h": np.random.normal(1500, 150, N),
})
fields["t_per_ha"] = (
    6 - 0.001 * (fields.nitrogen - 85) ** 2 - 1.5 * (fields.ph - 6.6) ** 2
    - 0.00001 * (fields.rain_mm - 480) ** 2 + 0.002 * (fields.sun_h - 1500)
    + np.random.normal(0, 0.15, N)
)
fields = (fields - fields[:1200].mean()) / fields[:1200].std()
X = torch.tensor(fields.drop(columns="t_per_ha").to_numpy(), dtype=torch.float32)
Y = torch.tensor(fields[["t_per_ha"]].to_numpy(), dtype=torch.float32)
train_loader = DataLoader(TensorDataset(X[:1200], Y[:1200]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[1200:], Y[1200:]), batch_size=100)

model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
# divide the rate by ten every ten epochs
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.1)  # here


def train():
    for epoch in range(24):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            scheduler.step()  # fault
            # fixed:
        model.eval()  # fault
        # fixed: scheduler.step()
        # fixed: model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(a), b).item() for a, b in val_loader])
    print(f"val mse {val:.4f}")


if __name__ == "__main__":
    train()
