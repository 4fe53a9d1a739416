"""Monthly rents from the city register (the register is exported district by district).

code: ND115
also:
object: train_rows | val_rows | val_loader | val_set | table | cut | distance_km | lat | lon
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(11)
torch.manual_seed(11)

parts = []
for district in range(10):
    k = 150
    distance = 1.0 + 1.6 * district + rng.normal(0, 0.7, k)
    area = rng.normal(48 + 4 * district, 11, k).clip(20)
    floor = rng.integers(0, max(2, 9 - district // 2), k)
    built = rng.normal(1925 + 7 * district, 12, k)
    lat = 48.2 + 0.015 * district + rng.normal(0, 0.006, k)
    lon = 16.3 + 0.02 * np.sin(district) + rng.normal(0, 0.006, k)
    rent = 9.5 * area * (1.2 + 0.45 * np.cos(distance / 4)) + 12 * floor + rng.normal(0, 45, k)
    parts.append(pd.DataFrame(dict(distance_km=distance, area_m2=area, floor=floor, built=built,
                                   lat=lat, lon=lon, rent=rent)))
register = pd.concat(parts, ignore_index=True)
FEATURES = ["distance_km", "area_m2", "floor", "built", "lat", "lon"]

table = register[FEATURES + ["rent"]].to_numpy("float32")
cut = int(0.8 * len(table))  # here
train_rows, val_rows = table[:cut], table[cut:]  # fault
# fixed: mixed = table[rng.permutation(len(table))]
# fixed: train_rows, val_rows = mixed[:cut], mixed[cut:]

mean, std = train_rows.mean(0), train_rows.std(0)


def as_set(rows):
    z = torch.from_numpy((rows - mean) / std)
    return TensorDataset(z[:, :-1], z[:, -1:])


train_set, val_set = as_set(train_rows), as_set(val_rows)  # here
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=150)  # here


class RentNet(nn.Module):
    def __init__(self, n_in, width=48):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_in, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, x):
        return self.layers(x)


model = RentNet(len(FEATURES))
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)


@torch.no_grad()
def mae_in_euro():
    model.eval()
    total = 0.0
    for x, y in val_loader:
        total += (model(x) - y).abs().sum().item() * std[-1]
    return total / len(val_set)


def train(epochs=15):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        if epoch % 5 == 4:
            print(f"{epoch + 1:3d} train mse {total / len(train_set):.3f}  val MAE {mae_in_euro():.0f} EUR")
    return total / len(train_set)


if __name__ == "__main__":
    print(train())
