"""Estimate what a used boat sells for, with mini-batches cut by hand from a DataFrame.

code: ND108
also:
object: train_loader | Batches | order | sort_values | table
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn

rng = np.random.default_rng(77)
torch.manual_seed(77)
n = 1000
boats = pd.DataFrame({
    "length_m": rng.uniform(4, 16, n),
    "age": rng.uniform(0, 35, n),
    "horsepower": rng.gamma(3, 30, n),
    "sail": rng.integers(0, 2, n),
})
boats["log_price"] = (8 + 0.16 * boats.length_m - 0.05 * boats.age + 0.004 * boats.horsepower
                      + 0.3 * boats.sail + rng.normal(0, 0.1, n))
FEATURES = ["length_m", "age", "horsepower", "sail"]
train_table, val_table = boats[:800].copy(), boats[800:].copy()
train_table = train_table.sort_values("log_price")  # here
mean, std = train_table.mean(), train_table.std()
train_table, val_table = (train_table - mean) / std, (val_table - mean) / std


class Batches:
    """Yields (features, price) tensors of one table."""

    def __init__(self, table, size, training):
        self.x = torch.tensor(table[FEATURES].to_numpy(), dtype=torch.float32)
        self.y = torch.tensor(table["log_price"].to_numpy(), dtype=torch.float32)
        self.size = size
        self.training = training

    def __len__(self):
        return (len(self.y) + self.size - 1) // self.size

    def __iter__(self):
        order = torch.arange(len(self.y))  # fault
        # fixed: order = torch.randperm(len(self.y)) if self.training else torch.arange(len(self.y))
        for start in range(0, len(order), self.size):
            pick = order[start:start + self.size]
            yield self.x[pick], self.y[pick]


train_loader = Batches(train_table, 10, training=True)  # here
val_loader = Batches(val_table, 50, training=False)
model = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1), nn.Flatten(0))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)


def train():
    for epoch in range(12):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        mse = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    print(f"val mse {mse:.3f}")


if __name__ == "__main__":
    train()
