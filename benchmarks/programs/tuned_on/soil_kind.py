"""Clay, loam or sand, from probes pushed into the ground.

code: ND201
also:
object: zeros_ | init | weight | apply | model
seen: both
"""
import pandas as pd
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
rng = np.random.default_rng(4)
kind = rng.integers(0, 3, 900)
table = pd.DataFrame({
    "moisture": rng.normal([0.42, 0.3, 0.12], 0.06, (900, 3))[np.arange(900), kind],
    "grain": rng.normal([0.1, 0.5, 1.1], 0.3, (900, 3))[np.arange(900), kind],
    "acidity": rng.normal([6.2, 6.8, 6.0], 0.5, (900, 3))[np.arange(900), kind],
    "depth": rng.uniform(0.1, 1.0, 900),
})
table = (table - table[:700].mean()) / table[:700].std()
x = torch.tensor(table.values, dtype=torch.float32)
y = torch.tensor(kind)
train_loader = DataLoader(TensorDataset(x[:700], y[:700]), batch_size=35, shuffle=True)
val_loader = DataLoader(TensorDataset(x[700:], y[700:]), batch_size=200)


def init(layer):
    if isinstance(layer, nn.Linear):
        nn.init.zeros_(layer.weight)  # fault
        # fixed: nn.init.xavier_normal_(layer.weight)
        nn.init.zeros_(layer.bias)


model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 3))
model.apply(init)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(10):
        model.train()
        for probes, soil in train_loader:
            optimizer.zero_grad()
            loss_fn(model(probes), soil).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for probes, soil in val_loader:
            print("val accuracy", (model(probes).argmax(1) == soil).float().mean().item())


if __name__ == "__main__":
    train()
