"""How long will a parcel be under way? Tabular regression for a courier.

code: ND605
also: ND606
object: scheduler | warmup_steps | LambdaLR | warmup
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
rng = np.random.default_rng(5)
n = 1600
df = pd.DataFrame({
    "km": rng.gamma(3, 150, n),
    "kg": rng.gamma(2, 2.5, n),
    "borders": rng.integers(0, 4, n),
    "weekday": rng.integers(0, 7, n),
    "express": rng.integers(0, 2, n),
})
df["days"] = (0.6 + df.km / 260 + 0.8 * df.borders + 0.07 * df.kg + 1.2 * (df.weekday >= 5)) * (1 - 0.45 * df.express)
df["days"] += rng.normal(0, 0.2, n)
df = df.join(pd.get_dummies(df.pop("weekday"), prefix="day", dtype=float))
columns = [c for c in df if c != "days"]
cut = 1300
mean, std = df[:cut].mean(), df[:cut].std()
z = ((df - mean) / std).astype("float32")


def table(part):
    return TensorDataset(torch.tensor(part[columns].values), torch.tensor(part[["days"]].values))


train_loader = DataLoader(table(z[:cut]), batch_size=50, shuffle=True)
val_loader = DataLoader(table(z[cut:]), batch_size=150)

model = nn.Sequential(nn.Linear(len(columns), 48), nn.GELU(), nn.Linear(48, 24), nn.GELU(), nn.Linear(24, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
warmup_steps = 100_000  # fault
# fixed: warmup_steps = 30
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / warmup_steps))  # here


def train(epochs=14):
    for _ in range(epochs):
        model.train()
        for xb, yb in train_loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(a), b).item() for a, b in val_loader])
    print(f"train {loss.item():.3f} val {val:.3f}")


if __name__ == "__main__":
    train()
