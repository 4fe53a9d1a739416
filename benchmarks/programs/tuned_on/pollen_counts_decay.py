"""Pollen class (low, middle, high) of tomorrow from today's weather and counts.

code: ND607
also:
object: weight_decay | optimizer | Adam
seen: both
"""
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(25)
n = 2400
frame = pd.DataFrame(torch.randn(n, 5).numpy(), columns=["temp", "wind", "humid", "count", "rain"])
score = (frame["count"] + 0.8 * frame.temp * (frame.humid < 0) - 0.9 * frame.rain.clip(lower=0)
         + 0.5 * frame.wind.abs())
frame["level"] = pd.qcut(score, 3, labels=False)

cols = ["temp", "wind", "humid", "count", "rain"]
x = torch.tensor(frame[cols].values)
y = torch.tensor(frame["level"].values).long()
train_loader = DataLoader(TensorDataset(x[:2000], y[:2000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[2000:], y[2000:]), batch_size=100)

model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1.0)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-5)


def train():
    for epoch in range(8):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss_fn(model(xb), yb).backward()
            optimizer.step()  # here
        model.eval()
        with torch.no_grad():
            right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("right", right / 400)


if __name__ == "__main__":
    train()
