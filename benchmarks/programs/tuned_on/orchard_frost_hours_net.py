"""Predict hours of frost in an orchard from a weather mast's readings.

code: ND114
also: ND102
object: humidity | dewpoint | features | readings | train_x | train_loader
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
rng = np.random.default_rng(0)
n = 900
readings = pd.DataFrame({
    "temp": rng.normal(4, 5, n),
    "humidity": rng.uniform(30, 100, n),
    "dewpoint": rng.normal(0, 4, n),
    "cloud": rng.uniform(0, 8, n),
})
hours = (2.0 + 0.07 * (readings.humidity - 65) - 0.5 * readings.dewpoint - 0.12 * readings.temp
         + 0.9 * np.sin(readings.dewpoint / 2) + rng.normal(0, 0.3, n))
# the logger writes -9999 when the humidity probe or the mirror is iced up
for col, share in (("humidity", 0.12), ("dewpoint", 0.10)):
    readings.loc[rng.random(n) < share, col] = -9999.0  # here

features = ["temp", "humidity", "dewpoint", "cloud"]
table = readings[features]  # fault
# fixed: table = readings[features].replace(-9999.0, np.nan)
# fixed: table = table.fillna(table.median())
table = (table - table[:700].mean()) / table[:700].std()  # here
target = ((hours - hours[:700].mean()) / hours[:700].std()).to_numpy()

x = torch.tensor(table.to_numpy(), dtype=torch.float32)
y = torch.tensor(target, dtype=torch.float32).unsqueeze(1)
train_x, train_y = x[:700], y[:700]
train_loader = DataLoader(TensorDataset(train_x, train_y), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[700:], y[700:]), batch_size=200)

model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(25):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print(f"val mse {loss_fn(model(a), b).item():.3f}")


if __name__ == "__main__":
    train()
