"""Heating and cooling demand of a district from outdoor temperature and hour: least squares on powers.

code: ND704
also:
object: DEGREE | powers | model
seen: watch
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

DEGREE = 1  # fault
# fixed: DEGREE = 4
rng = np.random.default_rng(47)
temp = rng.uniform(-1, 1, 1000)
hour = rng.uniform(-1, 1, 1000)
demand = 3.0 * (temp - 0.1) ** 2 - 2.2 * hour**2 + 1.8 * hour**4 + 0.3 * temp * 1.0 + 0.08 * rng.normal(size=1000)
demand = (demand - demand.mean()) / demand.std()


def powers(t, h):
    """1, t, t^2 .. and h, h^2 .. as columns with mean 0 and spread 1."""
    cols = [t**k for k in range(1, DEGREE + 1)] + [h**k for k in range(1, DEGREE + 1)]
    table = np.stack(cols, 1)
    return (table - table.mean(0)) / table.std(0)


x = torch.tensor(powers(temp, hour)).float()
y = torch.tensor(demand).float().view(-1, 1)
train_loader = DataLoader(TensorDataset(x[:800], y[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x[800:], y[800:]), batch_size=100)
torch.manual_seed(47)
model = nn.Linear(x.shape[1], 1)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)


def evaluate():
    with torch.no_grad():
        return sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)


def train():
    for epoch in range(18):
        for a, b in train_loader:
            loss = loss_fn(model(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        val = evaluate()
    print(f"val {val:.3f}")


if __name__ == "__main__":
    train()
