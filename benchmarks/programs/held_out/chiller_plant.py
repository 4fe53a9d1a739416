"""Power draw of chillers at six sites.

code: ND115
also: ND106
object: val_loader | ambient | val_rows | site | load
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(100)
torch.manual_seed(100)


def site(name, n, ambient, load):
    f = pd.DataFrame({"site": name, "ambient": rng.normal(ambient, 2.5, n), "load": rng.normal(load, 50, n),
                      "flow": rng.normal(20, 3, n), "setpoint": rng.normal(7, 0.8, n)})
    lift = f.ambient - f.setpoint
    f["power"] = f.load * (0.05 + 0.004 * lift + 0.0002 * lift ** 2) / 10 + 0.02 * (f.flow - 20) ** 2 + rng.normal(0, 0.1, n)
    return f


readings = pd.concat([site("bergen", 300, 11, 380), site("kiel", 300, 13, 400), site("gdansk", 300, 13, 420),
                      site("malmo", 300, 12, 390), site("riga", 300, 12, 410), site("seville", 350, 34, 620)], ignore_index=True)
val_rows = readings[readings.site == "seville"]  # fault
# fixed: val_rows = readings.sample(350, random_state=8)
train_rows = readings.drop(val_rows.index)
CHANNELS = ["ambient", "load", "flow", "setpoint"]


class Readings(Dataset):
    def __init__(self, rows):
        z = (rows[CHANNELS + ["power"]] - train_rows[CHANNELS + ["power"]].mean()) / train_rows[CHANNELS + ["power"]].std()
        self.values = torch.tensor(z.to_numpy(), dtype=torch.float32)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, i):
        return self.values[i, :4], self.values[i, 4:]


train_loader = DataLoader(Readings(train_rows), batch_size=50, shuffle=True)
val_loader = DataLoader(Readings(val_rows), batch_size=175)  # here
model = nn.Sequential(nn.Linear(4, 48), nn.Tanh(), nn.Linear(48, 24), nn.Tanh(), nn.Linear(24, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def epoch_loss(loader, update):
    model.train(update)
    losses = []
    with torch.set_grad_enabled(update):
        for x, y in loader:
            loss = loss_fn(model(x), y)
            if update:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            losses.append(loss.item())
    return float(np.mean(losses))


def train():
    for epoch in range(8):
        fit, val = epoch_loss(train_loader, True), epoch_loss(val_loader, False)
        print(epoch, round(fit, 4), round(val, 4))
    return fit


if __name__ == "__main__":
    train()
