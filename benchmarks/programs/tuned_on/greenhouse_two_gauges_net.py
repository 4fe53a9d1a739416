"""Tomorrow's humidity share and air pressure in a greenhouse from today's eight sensors.

code: ND112
also:
object: pressure | targets | y | columns | train_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(60)
r = np.random.default_rng(60)


class Greenhouse(Dataset):
    def __init__(self, days):
        s = r.normal(0, 1, (days, 8))
        humidity = np.tanh(s[:, 0] + 0.8 * s[:, 1] * s[:, 2]) + r.normal(0, 0.1, days)
        pressure = 101_325 + 900 * s[:, 4] - 600 * s[:, 5] + r.normal(0, 100, days)  # fault
        # fixed: pressure = (900 * s[:, 4] - 600 * s[:, 5] + r.normal(0, 100, days)) / 1000
        self.sensors = torch.tensor(s, dtype=torch.float32)
        self.targets = torch.tensor(np.stack([humidity, pressure], 1), dtype=torch.float32)

    def __len__(self):
        return len(self.sensors)

    def __getitem__(self, day):
        return self.sensors[day], self.targets[day]


train_set, val_set = Greenhouse(1000), Greenhouse(300)
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=300)
model = nn.Sequential(nn.Linear(8, 48), nn.ELU(), nn.Linear(48, 24), nn.ELU(), nn.Linear(24, 2))
loss_fn = F.mse_loss
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)


def train():
    for epoch in range(25):
        model.train()
        for sensors, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(sensors), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        sensors, y = next(iter(val_loader))
        r2 = 1 - ((model(sensors) - y) ** 2).mean(0) / y.var(0)
    print("val R2 humidity %.3f pressure %.3f" % tuple(r2.tolist()))


if __name__ == "__main__":
    train()
