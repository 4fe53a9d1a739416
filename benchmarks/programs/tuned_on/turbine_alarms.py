"""Predicts a turbine alarm from its sensors and from how much they wavered over four readings.

code: ND104
also:
object: alarms | labels | targets | features | TurbineData
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

rng = np.random.default_rng(12)
torch.manual_seed(12)


def simulate(n=2200):
    frame = pd.DataFrame({
        "vibration": rng.normal(2, 0.5, n),
        "oil_temp": rng.normal(60, 5, n),
        "rpm": rng.normal(1500, 60, n),
        "power": rng.normal(800, 120, n),
    })
    stress = (frame.vibration - 2) / 0.5 + 0.7 * (frame.oil_temp - 60) / 5 * (frame.rpm - 1500) / 60
    return frame, (stress + rng.normal(0, 0.15, n) > 0).astype(int)


def add_wavering(frame, readings=4):
    out = frame.copy()
    for column in frame.columns:
        out[column + "_wavering"] = frame[column].rolling(readings).std()
    return out.dropna()


class TurbineData(Dataset):
    def __init__(self, features, alarms):
        values = features.to_numpy()
        self.x = torch.tensor((values - values[:1700].mean(0)) / values[:1700].std(0), dtype=torch.float32)
        self.y = torch.tensor(np.asarray(alarms), dtype=torch.long)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


sensors, alarms = simulate()
features = add_wavering(sensors)
alarms = alarms.iloc[:len(features)]  # fault
# fixed: alarms = alarms.loc[features.index]
data = TurbineData(features, alarms)  # here
train_loader = DataLoader(Subset(data, range(1700)), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(Subset(data, range(1710, len(data))), batch_size=128)  # here


class AlarmNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        return self.head(self.body(x))


model = AlarmNet(features.shape[1])
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def run_epoch(loader, learn):
    model.train(learn)
    losses, hits, count = 0.0, 0, 0
    with torch.set_grad_enabled(learn):
        for x, y in loader:
            logits = model(x)
            loss = loss_fn(logits, y)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            losses += loss.item() * len(y)
            hits += (logits.argmax(1) == y).sum().item()
            count += len(y)
    return losses / count, hits / count


def train():
    for _ in range(8):
        train_loss, _ = run_epoch(train_loader, True)
        val_loss, val_acc = run_epoch(val_loader, False)
    return train_loss


if __name__ == "__main__":
    print(train())
