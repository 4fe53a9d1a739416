"""Delay of the next bus from the table the operator exports (pandas, scikit-learn scaling).

code: ND312
also:
object: x | values | train_loader | Linear | dtype
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

gen = np.random.default_rng(204)
N = 1200
table = pd.DataFrame({
    "stops_left": gen.integers(1, 30, N), "rain_mm": gen.gamma(1.0, 2.0, N),
    "riders": gen.integers(0, 80, N), "speed_kmh": gen.normal(24, 5, N)})
table["delay"] = 0.1 * table.stops_left + 0.3 * table.rain_mm + 0.03 * table.riders - 0.2 * table.speed_kmh + gen.normal(0, 0.5, N)
fit, rest = table.iloc[:960], table.iloc[960:]
columns = ["stops_left", "rain_mm", "riders", "speed_kmh"]
sx, sy = StandardScaler().fit(fit[columns].values), StandardScaler().fit(fit[["delay"]].values)


def loader(part, batch_size, shuffle):
    x = torch.from_numpy(sx.transform(part[columns].values))  # fault
    # fixed: x = torch.from_numpy(sx.transform(part[columns].values)).float()
    y = torch.from_numpy(sy.transform(part[["delay"]].values)).float()
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=batch_size, shuffle=shuffle)


torch.manual_seed(204)
train_loader = loader(fit, 48, True)  # here
val_loader = loader(rest, 120, False)
model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
        print(epoch, loss.item(), val)
    return loss.item()


if __name__ == "__main__":
    print(train())
