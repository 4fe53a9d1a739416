"""River level after rain: a GRU over three days of gauge readings.

code: ND101
also: ND310
object: GaugeWindows | __getitem__ | rain | train_loader | column 0
seen: both
"""
import math
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(11)
HOURS, WIN = 1500, 24


def weather(hours):
    wet = rng.random(hours) < 0.93
    rain = np.where(wet, rng.gamma(1.2, 1.5, hours), 0.0)
    temp = 9 + 6 * np.sin(np.arange(hours) / 24 * 2 * math.pi) + rng.normal(0, 1, hours)
    level = np.zeros(hours)
    for t in range(1, hours):
        level[t] = 0.85 * level[t - 1] + 0.15 * np.log1p(rain[t - 1]) * 2
    return rain, temp, level


class GaugeWindows(Dataset):
    """(log-rain, temperature, level) of one day -> level in the next hour"""

    def __init__(self, rain, temp, level, stats):
        self.rain, self.temp, self.level, self.stats = rain, temp, level, stats

    def __len__(self):
        return len(self.rain) - WIN

    def __getitem__(self, i):
        s = slice(i, i + WIN)
        with np.errstate(divide="ignore"):
            wetness = np.log(self.rain[s])  # fault
            # fixed: wetness = np.log1p(self.rain[s]) - 0.9
        m, sd = self.stats["temp"]
        lm, lsd = self.stats["level"]
        x = np.stack([wetness, (self.temp[s] - m) / sd, (self.level[s] - lm) / lsd], 1)
        y = (self.level[i + WIN] - lm) / lsd
        return torch.tensor(x, dtype=torch.float32), torch.tensor([y], dtype=torch.float32)


rain, temp, level = weather(HOURS)
cut = 1200
stats = {"temp": (temp[:cut].mean(), temp[:cut].std()), "level": (level[:cut].mean(), level[:cut].std())}
train_set = GaugeWindows(rain[:cut], temp[:cut], level[:cut], stats)  # here
val_set = GaugeWindows(rain[cut:], temp[cut:], level[cut:], stats)  # here
torch.manual_seed(0)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=128)


class LevelGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        h, _ = self.gru(x)
        return self.out(h[:, -1])


model = LevelGRU()
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train(epochs=5):
    late = []
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            if epoch == epochs - 1:
                late.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
    return float(np.mean(late))


if __name__ == "__main__":
    print(train())
