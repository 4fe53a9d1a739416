"""Learns option prices from quotes: a surrogate for Black and Scholes.

code: ND101
also: ND310
object: features | moneyness | column 3 | x | quotes
seen: both
"""
import math
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def quotes(n=1200, seed=23):
    r = np.random.default_rng(seed)
    q = pd.DataFrame({"spot": r.uniform(80, 120, n), "strike": r.uniform(80, 120, n),
                      "days": r.integers(0, 250, n), "vol": r.uniform(.1, .45, n)})
    t = np.maximum(q.days, .5) / 250
    d1 = (np.log(q.spot / q.strike) + q.vol ** 2 * t / 2) / (q.vol * np.sqrt(t))
    cdf = lambda z: 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))
    q["price"] = q.spot * cdf(d1) - q.strike * cdf(d1 - q.vol * np.sqrt(t))
    return q


def features(q):
    root = np.sqrt(q.days / 250)  # fault
    # fixed: root = np.sqrt((q.days + 5) / 250)
    moneyness = np.log(q.spot / q.strike)
    return np.column_stack([moneyness, root, q.vol, np.tanh(moneyness / (q.vol * root)), moneyness / root])  # here


q = quotes()
x = features(q)
y = (q.price / q.strike).to_numpy()
train_x, train_y, val_x, val_y = x[:960], y[:960], x[960:], y[960:]
middle = np.nanmedian(train_x, 0)
spread = np.subtract(*np.nanpercentile(train_x, [84, 16], axis=0)) / 2


def dataset(a, b):
    z = (a - middle) / spread
    target = (b - train_y.mean()) / train_y.std()
    return TensorDataset(torch.tensor(z, dtype=torch.float32), torch.tensor(target, dtype=torch.float32)[:, None])


torch.manual_seed(0)
train_loader = DataLoader(dataset(train_x, train_y), batch_size=64, shuffle=True)
val_loader = DataLoader(dataset(val_x, val_y), batch_size=120)
model = nn.Sequential(nn.Linear(5, 48), nn.Softplus(), nn.Linear(48, 48), nn.Softplus(), nn.Linear(48, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for a, b in train_loader:
            loss = loss_fn(model(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(a), b).item() for a, b in val_loader])
    print("val", val)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
