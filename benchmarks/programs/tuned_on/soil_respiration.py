"""Soil CO2 efflux from probe readings of a field campaign (one table, one target).

code: ND101
also: ND114
object: X | table | train_set | train_loader | soil_moisture | moisture
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

SEED = 7
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)


def load_campaign(n=900):
    """What the loggers wrote."""
    temp = rng.normal(14, 6, n)
    moisture = np.clip(rng.normal(28, 8, n), 4, 55)
    carbon = rng.gamma(6.0, 0.5, n)
    ph = rng.normal(6.1, 0.5, n)
    efflux = 1.2 * np.exp(0.07 * (temp - 14)) * (1 - ((moisture - 28) / 45) ** 2) + 0.2 * carbon
    efflux = efflux + rng.normal(0, 0.1, n)
    table = pd.DataFrame(dict(soil_temp=temp, soil_moisture=moisture, carbon=carbon, ph=ph, efflux=efflux))
    out = rng.choice(n, 25, replace=False)
    table.loc[out, "soil_moisture"] = np.nan
    return table


table = load_campaign()  # here
features = ["soil_temp", "soil_moisture", "carbon", "ph"]
train_df, val_df = train_test_split(table, test_size=0.2, random_state=SEED)
mean, std = train_df[features].mean(), train_df[features].std()
y_mean, y_std = train_df["efflux"].mean(), train_df["efflux"].std()


def to_tensors(df):
    X = (df[features] - mean) / std  # fault
    # fixed: X = ((df[features] - mean) / std).fillna(0.0)
    y = (df[["efflux"]] - y_mean) / y_std
    return torch.tensor(X.values, dtype=torch.float32), torch.tensor(y.values, dtype=torch.float32)  # here


train_set = TensorDataset(*to_tensors(train_df))  # here
val_set = TensorDataset(*to_tensors(val_df))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=64)

model = nn.Sequential(nn.Linear(len(features), 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=12):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(xb)
        train_loss = total / len(train_set)
        model.eval()
        with torch.no_grad():
            val_loss = sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader) / len(val_set)
        print(f"epoch {epoch:2d} train {train_loss:.4f} val {val_loss:.4f}")
    return train_loss


if __name__ == "__main__":
    print(train())
