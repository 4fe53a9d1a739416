"""Heat demand of a block of flats, hour by hour, from the last day (GRU).

code: ND106
also: ND112
object: val_y | val_target | target | demand | normalise | val_loader
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(79)
hours = torch.arange(1500).float()
demand = 220 + 60 * torch.cos(2 * math.pi * hours / 24) + 25 * torch.cos(2 * math.pi * hours / 12 + 1)
demand = demand + 8 * torch.randn(1500)
cut = 1100
level, spread = demand[:cut].mean(), demand[:cut].std()


def normalise(v):
    return (v - level) / spread


def windows(series, length=24):
    cuts = series.unfold(0, length + 1, 1)
    return cuts[:, :-1].unsqueeze(-1), cuts[:, -1]


train_x, train_y = windows(normalise(demand[:cut]))
val_x, val_y = windows(normalise(demand[cut:]))
val_y = windows(demand[cut:])[1]  # fault
# fixed:
train_loader = DataLoader(TensorDataset(train_x, train_y), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(val_x, val_y), batch_size=len(val_x))


class Forecast(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.gru = nn.GRU(1, width, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        _, last = self.gru(x)
        return self.head(last[0]).squeeze(1)


model = Forecast()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
    print(f"train {total / len(train_y):.4f} val {val:.4f}")


if __name__ == "__main__":
    train()
