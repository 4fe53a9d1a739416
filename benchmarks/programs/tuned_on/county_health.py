"""Life expectancy of counties from public-health columns.

code: ND115
also: ND108
object: train_test_split | val_loader | x_val | split | table
seen: both
"""
import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

r = np.random.default_rng(71)
STATES, PER = 20, 60


def yearbook():
    """All counties, one state after the other."""
    rows = []
    for s in range(STATES):
        wealth = 1.6 - 3.2 * s / (STATES - 1)
        base = wealth + .7 * r.normal(size=PER)
        income = 52 + 9 * base + 3 * r.normal(size=PER)
        smoking = 18 - 2.5 * base + 1.5 * r.normal(size=PER)
        obesity = 30 - 2 * base + 2 * r.normal(size=PER)
        doctors = 70 + 12 * base + 14 * r.normal(size=PER)
        rural = (r.random(PER) < .4).astype(float)
        age = r.normal(41, 3, PER)
        life = 77 + .06 * (income - 52) - .25 * (smoking - 18) - .12 * (obesity - 30) + .01 * (doctors - 70) - .4 * rural + .3 * r.normal(size=PER)
        rows.append(np.column_stack([income, smoking, obesity, doctors, rural, age, life]))
    return np.concatenate(rows)


table = yearbook()
train_rows, val_rows = train_test_split(table, test_size=0.2, shuffle=False)  # fault
# fixed: train_rows, val_rows = train_test_split(table, test_size=0.2, random_state=0)
mean, std = train_rows.mean(0), train_rows.std(0)


def tensors(rows):
    z = torch.tensor((rows - mean) / std, dtype=torch.float32)
    return TensorDataset(z[:, :-1], z[:, -1:])


torch.manual_seed(0)
train_loader = DataLoader(tensors(train_rows), batch_size=48, shuffle=True)
val_loader = DataLoader(tensors(val_rows), batch_size=80)  # here
model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)


def train(epochs=15):
    best = float("inf")
    for _ in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = float(np.mean([loss_fn(model(x), y).item() for x, y in val_loader]))
        best = min(best, val)
    print("val", val, "best", best)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
