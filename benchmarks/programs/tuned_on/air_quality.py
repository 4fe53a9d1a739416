"""Next-hour air quality (NO2, O3, CO2) from a day of readings, LSTM with one head per pollutant.

code: ND112
also:
object: co2 | targets | PRESETS | AirWindows | target_scale
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

POLLUTANTS = ["no2", "o3", "co2"]
PRESETS = {
    "window": 24,
    "input_centre": {"no2": 40.0, "o3": 60.0, "co2": 460.0},
    "input_scale": {"no2": 12.0, "o3": 15.0, "co2": 40.0},
    "target_centre": {"no2": 40.0, "o3": 60.0, "co2": 0.0},  # fault
    # fixed: "target_centre": {"no2": 40.0, "o3": 60.0, "co2": 460.0},
    "target_scale": {"no2": 12.0, "o3": 15.0, "co2": 1.0},  # fault
    # fixed: "target_scale": {"no2": 12.0, "o3": 15.0, "co2": 40.0},
}


def station(hours, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    rush = np.sin(t / 24 * 2 * np.pi) + 0.5 * np.sin(t / 12 * 2 * np.pi)
    slow = np.convolve(rng.normal(0, 1, hours + 23), np.ones(24) / 24 ** 0.5, "valid") * 0.6
    no2 = 40 + 12 * (0.7 * rush + slow + 0.2 * rng.normal(size=hours))
    o3 = 60 + 15 * (0.8 * np.cos(t / 24 * 2 * np.pi) - 0.6 * slow + 0.2 * rng.normal(size=hours))
    co2 = 460 + 40 * (0.6 * rush - 0.7 * slow + 0.2 * rng.normal(size=hours))
    return np.stack([no2, o3, co2], 1)


class AirWindows(Dataset):
    def __init__(self, series, cfg):
        pick = lambda key: np.array([cfg[key][p] for p in POLLUTANTS])
        self.window = cfg["window"]
        self.x = torch.tensor((series - pick("input_centre")) / pick("input_scale"), dtype=torch.float32)
        self.y = torch.tensor((series - pick("target_centre")) / pick("target_scale"), dtype=torch.float32)  # here

    def __len__(self):
        return len(self.x) - self.window

    def __getitem__(self, i):
        return self.x[i:i + self.window], self.y[i + self.window]


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(3, hidden, batch_first=True)
        self.heads = nn.ModuleDict({p: nn.Linear(hidden, 1) for p in POLLUTANTS})

    def forward(self, x):
        last = self.lstm(x)[0][:, -1]
        return torch.cat([self.heads[p](last) for p in POLLUTANTS], 1)


torch.manual_seed(4)
train_loader = DataLoader(AirWindows(station(900, 1), PRESETS), batch_size=32, shuffle=True)
val_loader = DataLoader(AirWindows(station(300, 2), PRESETS), batch_size=100)
model = Forecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(5):
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        errors = torch.cat([(model(x) - y) ** 2 / y.var(0) for x, y in val_loader]).mean(0)
    model.train()
    print(dict(zip(POLLUTANTS, errors.tolist())))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
