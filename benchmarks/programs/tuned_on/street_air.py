"""Benzene at a street corner from cheap metal-oxide sensors (hourly table, one year's excerpt).

code: ND114
also: ND102
object: co | nox | no2 | table | X | COLUMNS | train_loader
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def load_table(hours=1600, seed=3):
    r = np.random.default_rng(seed)
    h = np.arange(hours)
    rush = np.exp(-((h % 24 - 8) ** 2) / 8) + np.exp(-((h % 24 - 18) ** 2) / 10)
    traffic = (0.5 + rush) * r.lognormal(0, 0.35, hours)
    t = pd.DataFrame({
        "co": 1.6 * traffic + r.normal(0, 0.15, hours),
        "nox": 180 * traffic + r.normal(0, 25, hours),
        "no2": 60 + 45 * traffic + r.normal(0, 12, hours),
        "temp": 18 + 7 * np.sin(2 * np.pi * (h - 9) / 24) + r.normal(0, 2, hours),
        "rh": 50 - 14 * np.sin(2 * np.pi * (h - 9) / 24) + r.normal(0, 5, hours),
    })
    t["benzene"] = 7.5 * traffic + 0.06 * (t.temp - 18) * traffic + r.normal(0, 0.5, hours)
    # the logger writes -200 where an analyser was down
    for column, share in [("co", 0.17), ("nox", 0.15), ("no2", 0.15)]:
        t.loc[r.random(hours) < share, column] = -200.0
    return t


COLUMNS = ["co", "nox", "no2", "temp", "rh"]
table = load_table()
rows = np.random.default_rng(0).permutation(len(table))
train_rows, val_rows = rows[:1280], rows[1280:]

X = table[COLUMNS]  # fault
# fixed: X = table[COLUMNS].replace(-200.0, np.nan)
# fixed: X = X.fillna(X.iloc[train_rows].median())
X = (X - X.iloc[train_rows].mean()) / X.iloc[train_rows].std()  # here
y = table["benzene"]
y = (y - y.iloc[train_rows].mean()) / y.iloc[train_rows].std()
X = torch.tensor(X.to_numpy(), dtype=torch.float32)
y = torch.tensor(y.to_numpy(), dtype=torch.float32).unsqueeze(1)

train_loader = DataLoader(TensorDataset(X[train_rows], y[train_rows]), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(X[val_rows], y[val_rows]), batch_size=320)

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def run_epoch(loader, learn):
    model.train(learn)
    total = 0.0
    with torch.set_grad_enabled(learn):
        for x, target in loader:
            loss = loss_fn(model(x), target)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(x)
    return total / len(loader.dataset)


def train():
    for epoch in range(8):
        tr, va = run_epoch(train_loader, True), run_epoch(val_loader, False)
        print(f"{epoch}: {tr:.4f} {va:.4f}")
    return tr


if __name__ == "__main__":
    print(train())
