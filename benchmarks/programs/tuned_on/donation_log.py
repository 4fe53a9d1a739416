"""Next gift of a donor, from amounts and habits (ten columns), quantile regression.

code: ND106
also:
object: last_gift | prepare | val_x | val_loader | column 1 | LOG
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(44)
COLUMNS = ["total_given", "last_gift", "gifts", "months", "age", "letters", "events", "email", "distance", "household"]
LOG = {"train": ["total_given", "last_gift", "distance"],
       "val": ["total_given", "distance"]}  # fault
# fixed:        "val": ["total_given", "last_gift", "distance"]}


def donors(n):
    t = {c: rng.normal(size=n) for c in COLUMNS}
    t["last_gift"] = np.exp(3 + 0.8 * t["last_gift"])
    t["total_given"] = t["last_gift"] * np.exp(1 + 0.5 * t["total_given"])
    t["distance"] = np.exp(2 + t["distance"])
    nxt = 0.7 * np.log1p(t["last_gift"]) + 0.25 * t["gifts"] + 0.2 * np.log1p(t["total_given"]) - 0.2 * t["months"] * (t["letters"] > 0) + 0.1 * rng.normal(size=n)
    return t, nxt.astype(np.float32)


def logs(table, part):
    return np.stack([np.log1p(table[c]) if c in LOG[part] else table[c] for c in COLUMNS], 1)  # here


table_a, y_a = donors(1500)
table_b, y_b = donors(400)
a, b = logs(table_a, "train"), logs(table_b, "val")  # here
centre, spread = a.mean(0), a.std(0)
y_mean, y_std = y_a.mean(), y_a.std()


def bundle(x, y):
    x = torch.tensor((x - centre) / spread, dtype=torch.float32)
    return TensorDataset(x, torch.tensor((y - y_mean) / y_std))


torch.manual_seed(9)
train_loader = DataLoader(bundle(a, y_a), batch_size=50, shuffle=True)
val_loader = DataLoader(bundle(b, y_b), batch_size=200)  # here


class Pinball(nn.Module):
    def __init__(self, levels=(0.1, 0.5, 0.9)):
        super().__init__()
        self.register_buffer("levels", torch.tensor(levels))

    def forward(self, pred, y):
        d = y[:, None] - pred
        return torch.maximum(self.levels * d, (self.levels - 1) * d).mean()


model = nn.Sequential(nn.Linear(10, 40), nn.ReLU(), nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 3))
loss_fn = Pinball()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        q = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            q.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
    return float(np.mean(q))


if __name__ == "__main__":
    print(train())
