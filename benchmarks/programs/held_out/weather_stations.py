"""Tomorrow's rain index from hourly station readings.

code: ND101
also:
object: gust_factor | frame | column 5 | WeatherTable
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(4)
torch.manual_seed(4)

n = 1600
frame = pd.DataFrame({
    "temperature": rng.normal(14, 6, n),
    "humidity": rng.beta(5, 3, n) * 100,
    "pressure": rng.normal(1013, 7, n),
    "wind": np.abs(rng.normal(6, 2.5, n)).round(1),
})
frame.loc[rng.choice(n, 40, replace=False), "wind"] = 0.0   # calm hours
frame["gust"] = frame.wind * (1.2 + 0.2 * np.abs(rng.normal(size=n))) + 0.3
rain = 0.05 * (frame.humidity - 62) - 0.08 * (frame.pressure - 1013) + 0.1 * frame.gust - 1 + rng.normal(0, 0.2, n)
frame["gust_factor"] = frame.gust / frame.wind  # fault
# fixed: frame["gust_factor"] = frame.gust / frame.wind.clip(lower=0.5)
frame["rain"] = rain.to_numpy()

FEATURES = ["temperature", "humidity", "pressure", "wind", "gust", "gust_factor"]
order = rng.permutation(n)
train_rows, val_rows = frame.iloc[order[:1280]], frame.iloc[order[1280:]]
mean, std = train_rows[FEATURES].mean(), train_rows[FEATURES].std()


class WeatherTable(Dataset):
    def __init__(self, rows):
        self.x = torch.tensor(((rows[FEATURES] - mean) / std).to_numpy(), dtype=torch.float32)  # here
        self.y = torch.tensor(rows["rain"].to_numpy(), dtype=torch.float32).unsqueeze(1)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


train_loader = DataLoader(WeatherTable(train_rows), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(WeatherTable(val_rows), batch_size=128)  # here

model = nn.Sequential(nn.Linear(6, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader) / len(val_rows)
    return total / len(train_rows)


if __name__ == "__main__":
    print(train())
