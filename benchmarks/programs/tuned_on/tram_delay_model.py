"""How late will the tram be? Weather, crowd and line in a small net with dropout.

code: ND306
also:
object: dropout | forward | Delay
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)
rng = np.random.default_rng(13)
N = 1400
trips = pd.DataFrame({
    "rain": rng.exponential(1.0, N),
    "crowd": rng.normal(0, 1, N),
    "hour": rng.uniform(0, 24, N),
    "stops": rng.integers(5, 30, N),
})
trips["rush"] = np.exp(-((trips.hour - 8) ** 2) / 4) + np.exp(-((trips.hour - 17) ** 2) / 4)
late = 1.2 * trips.rain * trips.rush + trips.crowd * trips.stops / 15 + 0.15 * rng.normal(0, 1, N)
features = ["rain", "crowd", "rush", "stops"]
X = ((trips[features] - trips[features][:1100].mean()) / trips[features][:1100].std()).to_numpy(np.float32)
Y = ((late - late[:1100].mean()) / late[:1100].std()).to_numpy(np.float32)[:, None]
X, Y = torch.from_numpy(X), torch.from_numpy(Y)


class Delay(nn.Module):
    def __init__(self, width=96, p=0.5):
        super().__init__()
        self.p = p
        self.first = nn.Linear(4, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, 1)

    def forward(self, x):
        h = F.relu(self.first(x))
        h = F.relu(self.second(h))
        h = F.dropout(h, self.p)  # fault
        # fixed: h = F.dropout(h, self.p, training=self.training)
        return self.last(h)


train_loader = DataLoader(TensorDataset(X[:1100], Y[:1100]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(X[1100:], Y[1100:]), batch_size=300)
model = Delay()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(20):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            x, y = next(iter(val_loader))
            vl = loss_fn(model(x), y).item()
    print("val mse", round(vl, 4))


if __name__ == "__main__":
    train()
