"""Daily fuel burn of cargo ships from noon reports.

code: ND108
also:
object: train_loader | shuffle | LOADER | loader
seen: both
"""
import sqlite3
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

LOADER = {"batch_size": 48, "shuffle": False, "drop_last": True}  # fault
# fixed: LOADER = {"batch_size": 48, "shuffle": True, "drop_last": True}
QUERY = "SELECT speed, draught, wind, swell, hull_days, fuel FROM noon ORDER BY fuel"  # here


def database(n=1200):
    r = np.random.default_rng(17)
    speed, draught = r.normal(13, 1.8, n), r.normal(10, 1.2, n)
    wind, swell, hull = r.gamma(2, 3, n), r.gamma(2, .8, n), r.uniform(0, 900, n)
    fuel = .012 * speed ** 3 * (.7 + .03 * draught) * (1 + .015 * wind + .04 * swell) * (1 + hull / 5000) + r.normal(0, .8, n)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE noon (speed, draught, wind, swell, hull_days, fuel)")
    db.executemany("INSERT INTO noon VALUES (?,?,?,?,?,?)", np.column_stack([speed, draught, wind, swell, hull, fuel]).tolist())
    return db


def fetch():
    rows = np.array(database().execute(QUERY).fetchall())
    held = np.arange(len(rows)) % 5 == 2
    mean, std = rows[~held].mean(0), rows[~held].std(0)
    rows = torch.tensor((rows - mean) / std, dtype=torch.float32)
    return TensorDataset(rows[~held, :5], rows[~held, 5:]), TensorDataset(rows[held, :5], rows[held, 5:])


train_set, val_set = fetch()
torch.manual_seed(5)
train_loader = DataLoader(train_set, **LOADER)  # here
val_loader = DataLoader(val_set, batch_size=120)
model = nn.Sequential(nn.Linear(5, 40), nn.SiLU(), nn.Linear(40, 40), nn.SiLU(), nn.Linear(40, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


class Fit:
    def __init__(self, epochs):
        self.epochs, self.train_curve, self.val_curve = epochs, [], []

    def run(self):
        for _ in range(self.epochs):
            model.train()
            self.train_curve.append(np.mean([self.step(x, y) for x, y in train_loader]))
            model.eval()
            with torch.no_grad():
                self.val_curve.append(np.mean([loss_fn(model(x), y).item() for x, y in val_loader]))
        return self

    def step(self, x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()


def train():
    fit = Fit(12).run()
    print("val", round(float(fit.val_curve[-1]), 4))
    return float(fit.train_curve[-1])


if __name__ == "__main__":
    print(train())
