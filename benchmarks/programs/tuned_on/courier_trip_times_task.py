"""Will the parcel be late? Trip durations in microseconds, weight and weather.

code: ND111
also:
object: micros | trips | seconds | int32 | duration
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

g = np.random.default_rng(18)
torch.manual_seed(18)
n = 1500
trips = pd.DataFrame({
    "seconds": g.gamma(6, 900, n).astype("int32"),
    "kilos": g.normal(5, 2, n),
    "rain": g.integers(0, 2, n),
})
late = (trips.seconds / 5400 + 0.05 * trips.kilos + 0.4 * trips.rain + g.normal(0, 0.05, n) > 1.4).astype(int)

# the clock of the new depot counts in microseconds
trips["micros"] = trips.seconds * np.int32(1_000_000)  # fault
# fixed: trips["micros"] = trips.seconds.astype("int64") * 1_000_000
table = trips[["micros", "kilos", "rain"]].astype("float64")
table = (table - table[:1100].mean()) / table[:1100].std()
x = torch.tensor(table.values, dtype=torch.float32)
y = torch.tensor(late.values)
train_loader = DataLoader(TensorDataset(x[:1100], y[:1100]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1100:], y[1100:]), batch_size=400)

model = nn.Sequential(nn.Linear(3, 16), nn.LeakyReLU(), nn.Linear(16, 16), nn.LeakyReLU(), nn.Linear(16, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        acc = (model(a).argmax(1) == b).float().mean().item()
    print(f"val accuracy {acc:.3f}, majority {max(b.float().mean().item(), 1 - b.float().mean().item()):.3f}")


if __name__ == "__main__":
    train()
