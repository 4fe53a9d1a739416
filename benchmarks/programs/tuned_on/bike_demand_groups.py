"""How many bikes leave a station in an hour? Station embedding plus weather columns.

code: ND604
also:
object: optimizer | lr | trunk | Adam
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
rng = np.random.default_rng(21)
n = 2400
df = pd.DataFrame({
    "station": rng.integers(0, 30, n),
    "hour": rng.integers(0, 24, n),
    "temp": rng.normal(14, 7, n),
    "rain": rng.exponential(1.0, n).clip(0, 5),
})
size = rng.normal(0, 4, 30)
df["rides"] = (18 + size[df.station] + 6 * np.sin((df.hour - 8) / 24 * 2 * np.pi)
               + 0.4 * (df.temp - 14) - 1.5 * df.rain + rng.normal(0, 1, n))
df["hour_sin"] = np.sin(df.hour / 24 * 2 * np.pi)
df["hour_cos"] = np.cos(df.hour / 24 * 2 * np.pi)
cols = ["hour_sin", "hour_cos", "temp", "rain"]
train_df, val_df = df.iloc[:2000].copy(), df.iloc[2000:].copy()
mean, std = train_df[cols + ["rides"]].mean(), train_df[cols + ["rides"]].std()


def loader(frame, shuffle):
    z = (frame[cols + ["rides"]] - mean) / std
    return DataLoader(TensorDataset(
        torch.tensor(frame.station.values), torch.tensor(z[cols].values).float(),
        torch.tensor(z.rides.values).float()), batch_size=64, shuffle=shuffle)


train_loader, val_loader = loader(train_df, True), loader(val_df, False)


class Demand(nn.Module):
    def __init__(self):
        super().__init__()
        self.station = nn.Embedding(30, 6)
        self.trunk = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, station, weather):
        return self.trunk(torch.cat([self.station(station), weather], 1)).squeeze(1)


model = Demand()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam([
    {"params": model.station.parameters(), "lr": 1e-2},
    {"params": model.trunk.parameters(), "lr": 0.5},  # fault
    # fixed: {"params": model.trunk.parameters(), "lr": 3e-3},
])


def batch_loss(setup, batch):
    station, weather, rides = batch
    return loss_fn(setup.model(station, weather), rides)


def train():
    for epoch in range(10):
        model.train()
        for station, weather, rides in train_loader:
            optimizer.zero_grad()
            loss_fn(model(station, weather), rides).backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        se = sum(((model(s, w) - r) ** 2).sum().item() for s, w, r in val_loader)
    print("rmse in rides", (se / len(val_df)) ** 0.5 * std.rides)


if __name__ == "__main__":
    train()
