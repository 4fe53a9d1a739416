"""Half-hour-ahead glucose from two hours of a continuous monitor.

code: ND105
also:
object: order | val_idx | train_idx | val_loader | val_set
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

PAST, AHEAD = 24, 6


def monitor(days=10, seed=14):
    r = np.random.default_rng(seed)
    n = days * 288
    meals = np.zeros(n)
    for d in range(days):
        for hour in (7.5, 12.5, 19):
            at = int(d * 288 + (hour + r.normal(0, .6)) * 12)
            meals[at] = r.uniform(40, 90)
    kernel = np.arange(60) / 10 * np.exp(-np.arange(60) / 10)
    rise = np.convolve(meals, kernel)[:n]
    wander = np.zeros(n)
    for i in range(1, n):
        wander[i] = 0.92 * wander[i - 1] + r.normal(0, 3)
    return 105 + rise + wander


glucose = monitor()
z = (glucose - glucose[:2300].mean()) / glucose[:2300].std()
n = len(z) - PAST - AHEAD
past = np.stack([z[i:i + PAST] for i in range(n)])
future = np.array([z[i + PAST + AHEAD - 1] for i in range(n)])
data = TensorDataset(torch.tensor(past, dtype=torch.float32), torch.tensor(future, dtype=torch.float32))

order = np.random.default_rng(0).permutation(n)  # fault
# fixed: order = np.arange(n)
cut = int(0.8 * n)
train_idx, val_idx = order[:cut], order[cut + PAST + AHEAD:]  # here

torch.manual_seed(0)
train_loader = DataLoader(Subset(data, train_idx.tolist()), batch_size=64, shuffle=True)
val_loader = DataLoader(Subset(data, val_idx.tolist()), batch_size=128)  # here


class Residual(nn.Module):
    """Adds a learnt change to the last reading."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(PAST, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return x[:, -1] + self.net(x).squeeze(1)


model = Residual()
loss_fn = nn.HuberLoss(delta=1.0)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=12):
    for _ in range(epochs):
        model.train()
        tracked = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            tracked.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
    print("val", val)
    return float(np.mean(tracked))


if __name__ == "__main__":
    print(train())
