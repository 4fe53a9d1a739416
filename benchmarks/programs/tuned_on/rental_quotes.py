"""Monthly rent quotes for flats from the listing's columns.

code: ND102
also:
object: X | annual_income | year_built | train_loader | inputs
seen: checkup
"""
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset


@dataclass
class Config:
    seed: int = 5
    n: int = 1500
    hidden: int = 64
    lr: float = 1e-3
    batch_size: int = 50
    epochs: int = 12


cfg = Config()
torch.manual_seed(cfg.seed)
rng = np.random.default_rng(cfg.seed)

COLUMNS = ["area_m2", "rooms", "floor", "year_built", "annual_income", "distance_km", "has_lift"]


def listings(n):
    area = rng.normal(70, 22, n).clip(18, 180)
    rooms = np.round(area / 25 + rng.normal(0, 0.6, n)).clip(1, 7)
    floor = rng.integers(0, 12, n).astype(float)
    year = rng.integers(1905, 2024, n).astype(float)
    income = rng.normal(48_000, 12_000, n).clip(15_000)
    distance = rng.gamma(2.0, 2.5, n)
    lift = (floor > 3).astype(float)
    table = np.stack([area, rooms, floor, year, income, distance, lift], 1)
    rent = (9.0 * area + 60 * rooms + 4 * floor + 1.6 * (year - 1960) - 28 * distance
            + 0.004 * income + 40 * lift * (floor > 6) + rng.normal(0, 40, n))
    return table, rent


table, rent = listings(cfg.n)
n_train = 1200
y = torch.tensor((rent - rent[:n_train].mean()) / rent[:n_train].std(), dtype=torch.float32).unsqueeze(1)
X = torch.tensor(table, dtype=torch.float32)  # fault
# fixed: X = torch.tensor((table - table[:n_train].mean(0)) / table[:n_train].std(0), dtype=torch.float32)

dataset = TensorDataset(X, y)  # here
train_part, val_part = Subset(dataset, range(n_train)), Subset(dataset, range(n_train, cfg.n))
train_loader = DataLoader(train_part, batch_size=cfg.batch_size, shuffle=True)  # here
val_loader = DataLoader(val_part, batch_size=300)


class RentNet(nn.Module):
    def __init__(self, n_features, hidden):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Linear(hidden, 1),
        )

    def forward(self, inputs):
        return self.layers(inputs)


model = RentNet(len(COLUMNS), cfg.hidden)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)


def run_epoch(loader, training):
    model.train(training)
    total, n = 0.0, 0
    with torch.set_grad_enabled(training):
        for xb, yb in loader:
            loss = loss_fn(model(xb), yb)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(xb)
            n += len(xb)
    return total / n


def train():
    for epoch in range(cfg.epochs):
        tr = run_epoch(train_loader, True)
        va = run_epoch(val_loader, False)
        print(f"{epoch + 1}/{cfg.epochs}  train {tr:.4f}  val {va:.4f}")
    return tr


if __name__ == "__main__":
    print(train())
