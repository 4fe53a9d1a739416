"""Length of stay from an admission table with flags; one flag is constant since the last reform.

code: none
trait: binary columns, a rare flag and a column that is constant in this year's data
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(85)
torch.manual_seed(85)


def admissions(n):
    f = pd.DataFrame({
        "age": rng.normal(58, 16, n).clip(18, 95), "heart_rate": rng.normal(82, 12, n), "crp": np.exp(rng.normal(2.2, 0.7, n)),
        "emergency": rng.integers(0, 2, n), "surgery": (rng.random(n) < 0.3).astype(int),
        "isolation": (rng.random(n) < 0.06).astype(int), "insured": 1})
    days = 1.0 + 0.03 * (f.age - 58) + 0.5 * np.log(f.crp) + 1.2 * f.surgery * (f.age > 60) + 0.9 * f.emergency + 1.5 * f.isolation
    f["log_days"] = np.log1p(days.clip(0.2)) + 0.08 * rng.normal(size=n)
    return f


train_frame, val_frame = admissions(1500), admissions(400)
NUMERIC, FLAGS = ["age", "heart_rate", "log_crp"], ["emergency", "surgery", "isolation", "insured"]


def prepare(f, fitted=None):
    f = f.assign(log_crp=np.log(f.crp))
    fitted = fitted or (f[NUMERIC + ["log_days"]].mean(), f[NUMERIC + ["log_days"]].std())
    mean, std = fitted
    f[NUMERIC + ["log_days"]] = (f[NUMERIC + ["log_days"]] - mean) / std
    x = torch.tensor(f[NUMERIC + FLAGS].to_numpy(float), dtype=torch.float32)
    return TensorDataset(x, torch.tensor(f[["log_days"]].to_numpy(), dtype=torch.float32)), fitted


train_set, fitted = prepare(train_frame)
val_set, _ = prepare(val_frame, fitted)
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
model = nn.Sequential(nn.Linear(7, 40), nn.ReLU(), nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 1))
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
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
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
        print(epoch, np.mean(losses), val)
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
