"""Forecast the yield of a vineyard from weather and soil; the table comes sorted by altitude.

code: ND115
also:
object: table | train_part | val_part | split | cut | iloc | altitude | sort_values
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(88)
rng = np.random.default_rng(88)

n = 1600
altitude = rng.uniform(100, 900, n)
table = pd.DataFrame({
    "altitude": altitude,
    "summer_temp": 24 - 0.0075 * altitude + rng.normal(0, 0.5, n),
    "rain": 500 + 0.4 * altitude + rng.normal(0, 50, n),
    "clay": rng.uniform(5, 40, n),
    "vine_age": rng.integers(3, 50, n),
})
ripeness = 1 / (1 + np.exp(-(table.summer_temp - 19) * 1.6))
table["tonnes"] = (9 * ripeness - 5 * np.clip((table.altitude - 650) / 250, 0, None) + 0.05 * table.clay
                   + 1.2 * np.exp(-((table.vine_age - 20) / 12) ** 2)
                   + 2.5 * np.cos(table.altitude / 110) + rng.normal(0, 0.25, n))
table = table.sort_values("altitude").reset_index(drop=True)  # fault
# fixed: table = table.sample(frac=1.0, random_state=5).reset_index(drop=True)

cut = int(0.75 * n)
train_part, val_part = table.iloc[:cut], table.iloc[cut:]  # here
mean, std = train_part.mean(), train_part.std()


def loader(part, **how):
    z = torch.tensor(((part - mean) / std).to_numpy(), dtype=torch.float32)
    return DataLoader(TensorDataset(z[:, :-1], z[:, -1:]), **how)


train_loader = loader(train_part, batch_size=40, shuffle=True)
val_loader = loader(val_part, batch_size=200)

model = nn.Sequential(nn.Linear(5, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    history = []
    for epoch in range(20):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            history.append(np.mean([loss_fn(model(x), y).item() for x, y in val_loader]))
    print(f"train mse {loss.item():.3f}, val mse {history[-1]:.3f}")


if __name__ == "__main__":
    train()
