"""Next-week demand of shelf items; the frame is downcast first to save memory.

code: ND111
also:
object: reduce_mem_usage | revenue_cents | df | column 2 | column 3 | train_loader | X
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(2020)
torch.manual_seed(2020)

n = 2000
pop = np.random.gamma(3.0, 25.0, n)
price = np.random.choice([199, 298, 397, 598, 997], n)
df = pd.DataFrame({
    "units_lag": np.random.poisson(pop),
    "price_cents": price,
    "week": np.random.randint(1, 53, n),
    "snap": np.random.randint(0, 2, n),
})
# takings of the whole department that week, and of the item in the four weeks before
df["revenue_cents"] = (np.random.poisson(pop) * price).astype(np.int64)
df["dept_cents"] = np.random.normal(18000, 3500, n).clip(3000, 32000).astype(np.int64)
season = np.sin(2 * np.pi * df.week / 52)
df["demand"] = (0.5 * df.revenue_cents / price + 0.4 * df.units_lag + 12 * df.snap + 10 * season
                + np.random.normal(0, 4, n)).clip(lower=0)


def reduce_mem_usage(frame):
    start = frame.memory_usage().sum() / 1024
    for col in frame.columns:
        if frame[col].dtype == np.int64:
            frame[col] = frame[col].values.astype(np.int16)  # fault
            # fixed: frame[col] = pd.to_numeric(frame[col], downcast="integer")
        elif frame[col].dtype == np.float64:
            frame[col] = frame[col].astype(np.float32)
    print(f"mem {start:.1f} KB -> {frame.memory_usage().sum() / 1024:.1f} KB")
    return frame


df = reduce_mem_usage(df)  # here
features = ["units_lag", "price_cents", "revenue_cents", "dept_cents", "week", "snap"]
train_mask = np.random.rand(n) < 0.8
X = df[features].values.astype(np.float32)
y = df[["demand"]].values.astype(np.float32)
mu, sd = X[train_mask].mean(0), X[train_mask].std(0)
y = (y - y[train_mask].mean()) / y[train_mask].std()
X = (X - mu) / sd

train_ds = TensorDataset(torch.from_numpy(X[train_mask]), torch.from_numpy(y[train_mask]))
val_ds = TensorDataset(torch.from_numpy(X[~train_mask]), torch.from_numpy(y[~train_mask]))
train_loader = DataLoader(train_ds, 64, shuffle=True)
val_loader = DataLoader(val_ds, 256)

model = nn.Sequential(nn.Linear(6, 48), nn.SiLU(), nn.Linear(48, 24), nn.SiLU(), nn.Linear(24, 1))
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)


def run_epoch(loader, fit):
    model.train(fit)
    s = 0.0
    with torch.set_grad_enabled(fit):
        for xb, yb in loader:
            loss = loss_fn(model(xb), yb)
            if fit:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            s += loss.item() * len(xb)
    return s / len(loader.dataset)


def train():
    for epoch in range(10):
        tr, va = run_epoch(train_loader, True), run_epoch(val_loader, False)
        print(f"[{epoch}] train {tr:.4f} valid {va:.4f}")
    return tr


if __name__ == "__main__":
    print(train())
