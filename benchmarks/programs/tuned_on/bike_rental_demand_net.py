"""How many bikes are rented in an hour, from weather and clock.

code: ND101
also: ND114
object: humidity | x | features | frame | train_loader | table
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(11)
torch.manual_seed(11)
n = 1500
frame = pd.DataFrame({
    "temp": rng.normal(15, 8, n),
    "humidity": rng.uniform(20, 100, n),
    "wind": rng.gamma(2, 5, n),
    "hour": rng.integers(0, 24, n),
})
frame["rentals"] = (200 + 8 * frame.temp - 1.5 * frame.humidity - 2 * frame.wind
                    + 90 * np.sin((frame.hour - 8) / 24 * 2 * np.pi) + rng.normal(0, 20, n))
# the hygrometer of the station was off now and then
frame.loc[rng.random(n) < 0.05, "humidity"] = np.nan

frame["hour_sin"] = np.sin(frame.hour / 24 * 2 * np.pi)
frame["hour_cos"] = np.cos(frame.hour / 24 * 2 * np.pi)
columns = ["temp", "humidity", "wind", "hour_sin", "hour_cos"]
features = frame[columns]  # fault
# fixed: features = frame[columns].fillna(frame[columns].iloc[:1200].median())
features = (features - features[:1200].mean()) / features[:1200].std()
target = (frame.rentals - frame.rentals[:1200].mean()) / frame.rentals[:1200].std()

x = torch.tensor(features.to_numpy(), dtype=torch.float32)  # here
y = torch.tensor(target.to_numpy(), dtype=torch.float32).unsqueeze(1)
train_loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(x[1200:], y[1200:]), batch_size=100)  # here

model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(15):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        err = loss_fn(model(x[1200:]), y[1200:]).item()
    print(f"validation mse {err:.3f}")


if __name__ == "__main__":
    train()
