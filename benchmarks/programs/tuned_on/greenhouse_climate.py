"""Predict tomorrow morning's soil moisture in a greenhouse from one day's sensor readings.

code: ND101
also:
object: frame | readings | make_readings | humidity | train_loader | x
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(11)
rng = np.random.default_rng(11)


def make_readings(n=1500):
    hours = np.arange(n)
    temperature = 21 + 6 * np.sin(hours / 24 * 2 * np.pi) + rng.normal(0, 1, n)
    humidity = 65 - 1.2 * (temperature - 21) + rng.normal(0, 4, n)
    light = np.clip(400 * np.sin(hours / 24 * 2 * np.pi), 0, None) + rng.normal(0, 20, n)
    watering = rng.gamma(2.0, 1.0, n)
    df = pd.DataFrame(dict(temperature=temperature, humidity=humidity, light=light, watering=watering))
    df["moisture"] = (0.5 * watering + 0.06 * humidity - 0.15 * temperature - 0.002 * light
                      + 0.02 * (humidity - 65) * (watering - 2) + rng.normal(0, 0.15, n))
    lost = rng.choice(n, 45, replace=False)      # the humidity probe drops out now and then
    df.loc[lost, "humidity"] = np.nan
    return df


frame = make_readings()  # fault
# fixed: frame = make_readings().dropna().reset_index(drop=True)
frame = frame.sample(frac=1.0, random_state=2)
frame = (frame - frame.mean()) / frame.std()
x = torch.tensor(frame.drop(columns="moisture").to_numpy(), dtype=torch.float32)
y = torch.tensor(frame[["moisture"]].to_numpy(), dtype=torch.float32)

cut = int(0.8 * len(x))
train_loader = DataLoader(TensorDataset(x[:cut], y[:cut]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[cut:], y[cut:]), batch_size=100)

model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            total = sum(loss_fn(model(xb), yb).item() * len(xb) for xb, yb in val_loader)
    print(f"val mse {total / len(val_loader.dataset):.3f}")


if __name__ == "__main__":
    train()
