"""Was this login the owner or a thief? Binary classifier over a web shop's access log.

code: ND102
also:
object: ts | log | frame | features | train_loader
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

g = np.random.default_rng(77)
torch.manual_seed(77)
N = 2000
log = pd.DataFrame({
    "ts": 1_690_000_000 + g.integers(0, 30 * 86400, N),
    "km_from_last": g.exponential(1.0, N),
    "new_device": g.integers(0, 2, N),
    "typing": g.normal(0, 1, N),
    "failed": g.poisson(1.0, N),
})
late = (log.ts - 1_690_000_000) / (30 * 86400)
score = 1.6 * log.km_from_last + 2.2 * log.new_device - 1.8 * log.typing + log.failed + 2 * late - 4.7
stolen = (score + g.logistic(0, 0.4, N) > 0).astype("float32")

frame = log.copy()
frame["failed"] = frame["failed"] - 1.0
frame["ts"] = frame["ts"].astype("float32")  # fault
# fixed: frame["ts"] = (frame["ts"] - frame["ts"].mean()) / frame["ts"].std()
features = torch.tensor(frame.to_numpy(dtype="float32"))
whole = TensorDataset(features, torch.tensor(stolen.to_numpy()))
tr, va = random_split(whole, [1600, 400])
train_loader = DataLoader(tr, batch_size=64, shuffle=True)
val_loader = DataLoader(va, batch_size=400)


class Guard(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.a = nn.Linear(5, width)
        self.b = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        h = torch.relu(self.b(torch.relu(self.a(x))))
        return self.out(h).squeeze(1)


model = Guard()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        acc = ((model(x) > 0).float() == y).float().mean().item()
    print(f"last train loss {total / 25:.4g}  val accuracy {acc:.3f}")


if __name__ == "__main__":
    train()
