"""Asking prices of used cars from the listing (table regression with embeddings for the brand).

code: ND115
also:
object: val_loader | split | train_idx | valid_idx | year | age | n_train
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

np.random.seed(0)
torch.manual_seed(0)

# the export of the site comes ordered by first registration
n = 2000
brands = ["fiat", "ford", "vw", "toyota", "audi", "bmw"]
df = pd.DataFrame({
    "year": np.random.randint(1999, 2022, n),
    "brand": np.random.randint(0, len(brands), n),
    "power": np.random.gamma(9, 11, n) + 30,
})
df["km"] = np.abs((2022 - df.year) * np.random.normal(13000, 3500, n)) + 500
df["log_price"] = 9.9 - 0.07 * (2022 - df.year) + 0.9 * np.exp(-(2022 - df.year) / 2.5) + 0.12 * df.brand + 0.003 * df.power - 1.5e-6 * df.km + np.random.normal(0, 0.15, n)
df = df.sort_values("year").reset_index(drop=True)

n_train = int(len(df) * 0.8)
order = np.arange(len(df))  # fault
# fixed: order = np.random.permutation(len(df))
train_idx, valid_idx = order[:n_train], order[n_train:]  # here

num_cols = ["year", "power", "km"]
mean, std = df.loc[train_idx, num_cols].mean(), df.loc[train_idx, num_cols].std()
y_mean, y_std = df.loc[train_idx, "log_price"].mean(), df.loc[train_idx, "log_price"].std()


class CarDataset(Dataset):
    def __init__(self, frame):
        self.num = torch.tensor(((frame[num_cols] - mean) / std).to_numpy(), dtype=torch.float32)
        self.brand = torch.tensor(frame["brand"].to_numpy())
        self.y = torch.tensor(((frame["log_price"] - y_mean) / y_std).to_numpy(), dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return (self.brand[i], self.num[i]), self.y[i]


train_loader = DataLoader(CarDataset(df.loc[train_idx]), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(CarDataset(df.loc[valid_idx]), batch_size=200)  # here


class PriceModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.brand_emb = nn.Embedding(len(brands), 4)
        self.mlp = nn.Sequential(nn.Linear(4 + len(num_cols), 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, inputs):
        brand, num = inputs
        return self.mlp(torch.cat([self.brand_emb(brand), num], dim=1)).squeeze(1)


model = PriceModel()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def run_epoch(loader, learn):
    model.train(learn)
    total = 0.0
    with torch.set_grad_enabled(learn):
        for inputs, y in loader:
            loss = loss_fn(model(inputs), y)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(y)
    return total / len(loader.dataset)


def train():
    for epoch in range(8):
        tr = run_epoch(train_loader, True)
        va = run_epoch(val_loader, False)
        print(f"{epoch} train mse {tr:.4f} valid mse {va:.4f}")
    return tr


if __name__ == "__main__":
    print(train())
