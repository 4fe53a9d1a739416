"""Next week's sales of a shop from lags and a rolling mean, made with pandas.

code: ND101
also: ND114
object: frame | next_week | mean_4 | lag_2 | rolling | shift | y | train_loader
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(109)
rng = np.random.default_rng(109)


def shop(level):
    weeks = np.arange(60)
    noise = np.zeros(60)
    for w in range(1, 60):
        noise[w] = 0.6 * noise[w - 1] + rng.normal(0, 0.15)
    return pd.DataFrame({"shop": level, "week": weeks, "sales": level + np.sin(weeks / 4 + level * 9) + noise})


def add_features(g):
    g = g.sort_values("week").copy()
    g["lag_1"] = g.sales.shift(1)
    g["lag_2"] = g.sales.shift(2)
    g["mean_4"] = g.sales.rolling(4).mean()
    g["next_week"] = g.sales.shift(-1)
    return g


frame = pd.concat([add_features(shop(level)) for level in rng.normal(0, 1, 30)])
frame = frame.reset_index(drop=True)  # fault
# fixed: frame = frame.dropna().reset_index(drop=True)
frame = frame.sample(frac=1.0, random_state=1)

features = ["sales", "lag_1", "lag_2", "mean_4"]
cut = int(0.8 * len(frame))
stats = frame[:cut].agg(["mean", "std"])
scaled = (frame - stats.loc["mean"]) / stats.loc["std"]
x = torch.tensor(scaled[features].to_numpy()).float()
y = torch.tensor(scaled.next_week.to_numpy()).float().reshape(-1, 1)
train_loader = DataLoader(TensorDataset(x[:cut], y[:cut]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(x[cut:], y[cut:]), batch_size=400)

model = nn.Sequential(nn.Linear(4, 32), nn.LeakyReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print("train", np.mean(losses), "val", loss_fn(model(a), b).item())


if __name__ == "__main__":
    train()
