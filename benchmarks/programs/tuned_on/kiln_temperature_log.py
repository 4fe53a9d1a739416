"""Hardness of a tile from the kiln's temperature log (degrees Celsius, one reading per ten minutes).

code: ND111
also:
object: log | int8 | compact | KilnLog | temperature
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(71)
rng = np.random.default_rng(71)


def firing():
    top, rate = rng.uniform(150, 900), rng.uniform(0.15, 0.5)
    minutes = np.arange(20)
    curve = 20 + top * (1 - np.exp(-rate * minutes)) + rng.normal(0, 4, 20)
    hardness = (top - 525) / 220 + (rate - 0.32) * 3
    return np.round(curve).astype(np.int64), hardness


def compact(log):
    """Saves memory: the readings are whole degrees."""
    return log.astype(np.int8)  # fault
    # fixed: return log.astype(np.int16)


class KilnLog(Dataset):
    def __init__(self, n):
        pairs = [firing() for _ in range(n)]
        self.log = compact(np.stack([p[0] for p in pairs]))
        self.hardness = np.array([p[1] for p in pairs], dtype=np.float32)

    def __len__(self):
        return len(self.hardness)

    def __getitem__(self, i):
        temperature = torch.from_numpy(self.log[i]).float()
        return (temperature - 400) / 220, self.hardness[i]


class Hardness(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 16, batch_first=True)
        self.fc = nn.Linear(16, 1)

    def forward(self, x):
        out, _ = self.rnn(x.unsqueeze(-1))
        return self.fc(out[:, -1]).squeeze(-1)


train_loader = DataLoader(KilnLog(500), batch_size=25, shuffle=True)
val_loader = DataLoader(KilnLog(150), batch_size=150)
model = Hardness()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(12):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print(f"val mse {loss_fn(model(x), y).item():.3f} of variance {y.var().item():.3f}")


if __name__ == "__main__":
    train()
