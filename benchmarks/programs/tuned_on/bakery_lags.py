"""Tomorrow's bread sales of a bakery chain from lags and rolling means.

code: ND101
also:
object: features | lag_7 | rolling_7 | lag_14 | frame
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

FEATURES = ["lag_1", "lag_7", "lag_14", "rolling_7", "weekday_sin", "weekday_cos", "promo"]


def sales_history(shops=4, days=240, seed=11):
    gen = np.random.default_rng(seed)
    rows = []
    for shop in range(shops):
        level, promo = 1.0 + 0.3 * shop, gen.random(days) < 0.15
        for day in range(days):
            demand = level + 0.4 * np.sin(2 * np.pi * day / 7) + 0.5 * promo[day] + 0.1 * gen.standard_normal()
            rows.append((shop, day, demand, float(promo[day])))
    return pd.DataFrame(rows, columns=["shop", "day", "sales", "promo"])


def add_features(frame):
    by_shop = frame.groupby("shop")["sales"]
    for lag in (1, 7, 14):
        frame[f"lag_{lag}"] = by_shop.shift(lag)  # here
    frame["rolling_7"] = by_shop.transform(lambda s: s.shift(1).rolling(7).mean())  # here
    frame["weekday_sin"] = np.sin(2 * np.pi * frame["day"] / 7)
    frame["weekday_cos"] = np.cos(2 * np.pi * frame["day"] / 7)
    return frame  # fault
    # fixed: return frame.dropna().reset_index(drop=True)


class SalesDataset(Dataset):
    def __init__(self, frame, mean, std):
        features = ((frame[FEATURES] - mean) / std).to_numpy("float32")  # here
        self.features = torch.tensor(features)  # here
        self.sales = torch.tensor(frame["sales"].to_numpy("float32")).unsqueeze(1)

    def __len__(self):
        return len(self.sales)

    def __getitem__(self, i):
        return self.features[i], self.sales[i]


torch.manual_seed(0)
frame = add_features(sales_history())  # here
train_frame, val_frame = frame[frame["day"] < 200], frame[frame["day"] >= 200]
mean, std = train_frame[FEATURES].mean(), train_frame[FEATURES].std()
train_loader = DataLoader(SalesDataset(train_frame, mean, std), batch_size=32, shuffle=True)
val_loader = DataLoader(SalesDataset(val_frame, mean, std), batch_size=128)


class SalesNet(nn.Module):
    def __init__(self, n_in, width=48):
        super().__init__()
        self.inp = nn.Linear(n_in, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        x = F.relu(self.inp(x))
        x = x + F.relu(self.mid(x))
        return self.out(x)


model = SalesNet(len(FEATURES))
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)


def evaluate():
    model.eval()
    with torch.no_grad():
        errors = [(model(x) - y).abs() for x, y in val_loader]
    model.train()
    return torch.cat(errors).mean().item()


def train():
    running = 0.0
    for epoch in range(8):
        running, count = 0.0, 0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item() * len(x)
            count += len(x)
        running /= count
        print(f"[{epoch}] mse {running:.4f}  val mae {evaluate():.4f}")
    return running


if __name__ == "__main__":
    print(train())
