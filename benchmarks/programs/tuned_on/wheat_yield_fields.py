"""Wheat yield of a field from soil and weather; the table holds ten farms.

code: ND115
also:
object: fields | farm | sort_values | train_frame | val_frame | val_loader
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(41)
rng = np.random.default_rng(41)
rows = []
for farm in range(10):  # the farms lie from the coast up into the hills
    for _ in range(100):
        height = 60 * farm + rng.normal(0, 25)
        rain = 900 - 40 * farm + rng.normal(0, 40)
        clay = rng.uniform(5, 45)
        grown = 4 + 3 * np.sin(height / 110) + 0.05 * clay + 0.002 * (rain - 700) + rng.normal(0, 0.2)
        rows.append((farm, height, rain, clay, grown))
fields = pd.DataFrame(rows, columns=["farm", "height", "rain", "clay", "grown"])
fields = fields.sort_values("farm").reset_index(drop=True)  # fault
# fixed: fields = fields.sample(frac=1.0, random_state=0).reset_index(drop=True)
train_frame, val_frame = fields.iloc[:700], fields.iloc[700:]  # here

columns = ["height", "rain", "clay"]
mean, std = train_frame.mean(), train_frame.std()


def as_set(frame):
    z = (frame - mean) / std
    return TensorDataset(torch.tensor(z[columns].to_numpy()).float(), torch.tensor(z[["grown"]].to_numpy()).float())


train_loader = DataLoader(as_set(train_frame), batch_size=35, shuffle=True)
val_loader = DataLoader(as_set(val_frame), batch_size=300)
model = nn.Sequential(nn.Linear(3, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for _ in range(25):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val mse", loss_fn(model(x), y).item())


if __name__ == "__main__":
    train()
