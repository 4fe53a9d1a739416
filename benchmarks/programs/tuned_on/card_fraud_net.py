"""Spot fraudulent card payments and report how many of the frauds are caught.

code: ND107
also:
object: loss_fn | pos_weight | BCEWithLogitsLoss | fraud | class | train_loader | y
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(123)
torch.manual_seed(123)
n = 4000
fraud = rng.random(n) < 0.02  # here
payments = pd.DataFrame({
    "amount": np.log(rng.lognormal(3.5 + 0.9 * fraud, 0.8)),
    "night": np.clip(rng.normal(0.3 + 0.2 * fraud, 0.25), 0, 1),
    "distance": np.sqrt(rng.gamma(3 + 2.5 * fraud, 10)),
    "new_device": (rng.random(n) < 0.15 + 0.4 * fraud).astype(float),
})
x = ((payments - payments.mean()) / payments.std()).to_numpy(np.float32)
x, y = torch.from_numpy(x), torch.from_numpy(fraud).float()  # here
x_train, y_train, x_val, y_val = x[:3000], y[:3000], x[3000:], y[3000:]

train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=100, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=250)

model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
loss_fn = nn.BCEWithLogitsLoss()  # fault
# fixed: loss_fn = nn.BCEWithLogitsLoss(pos_weight=(1 - y_train).sum() / y_train.sum())
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
    model.eval()
    caught = false_alarm = 0
    with torch.no_grad():
        for xb, yb in val_loader:
            alarm = model(xb) > 0
            caught += (alarm & (yb == 1)).sum().item()
            false_alarm += (alarm & (yb == 0)).sum().item()
    frauds = int(y_val.sum())
    print(f"caught {caught} of {frauds}, false alarms {false_alarm} of {1000 - frauds}")


if __name__ == "__main__":
    train()
