"""What should this flat cost a month? Regression on a city's rental table.

code: ND102
also:
object: x | columns | train_loader | income | built
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(5)
torch.manual_seed(5)
n = 1200
df = pd.DataFrame({
    "metres": rng.gamma(9, 8, n),
    "built": rng.integers(1890, 2022, n),
    "income": rng.normal(41000, 9000, n),
    "tram": rng.exponential(0.6, n),
})
rent = 5 * df.metres + 0.01 * df.income - 90 * df.tram + 1.5 * (df.built - 1950) + rng.normal(0, 25, n)
df["target"] = (rent - rent.mean()) / rent.std()

columns = ["metres", "built", "income", "tram"]
x = df[columns].to_numpy(np.float32, copy=True)  # fault
# fixed: x = df[columns].to_numpy(np.float32, copy=True)
# fixed: x = (x - x[:1000].mean(0)) / x[:1000].std(0)
y = df[["target"]].to_numpy(np.float32, copy=True)
x, y = torch.from_numpy(x), torch.from_numpy(y)
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=200)

model = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(25):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        err = sum(loss_fn(model(a), b).item() * len(a) for a, b in val_loader) / 200
    print(f"val R2 {1 - err / y[1000:].var().item():.3f}")


if __name__ == "__main__":
    train()
