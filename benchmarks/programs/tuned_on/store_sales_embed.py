"""Daily sales of shops: entity embeddings for store, weekday and promotion, plus numeric columns.

code: ND303
also:
object: weekday | column 1 | cats | x_cat | embeds.1 | embeds
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

rng = np.random.default_rng(99)
torch.manual_seed(99)

STORES, DAYS = 10, 7
n = 2400
sales = pd.DataFrame({
    "store": rng.integers(0, STORES, n),
    "weekday": rng.integers(0, DAYS, n),
    "promo": rng.integers(0, 3, n),
    "temperature": rng.normal(14, 7, n),
    "competition_km": rng.exponential(3.0, n),
})
store_effect, day_effect, promo_effect = rng.normal(0, 0.3, STORES), np.array([.1, 0, -.1, 0, .2, .5, -.6]), np.array([0, .25, .45])
sales["log_sales"] = (8.2 + store_effect[sales.store] + day_effect[sales.weekday] + promo_effect[sales.promo]
                      + 0.01 * sales.temperature - 0.1 * np.exp(-sales.competition_km) + rng.normal(0, 0.08, n))

cat_cols, num_cols = ["store", "weekday", "promo"], ["temperature", "competition_km"]
train_part, val_part = sales[:2000].copy(), sales[2000:].copy()
mean, std = train_part[num_cols].mean(), train_part[num_cols].std()
t_mean, t_std = train_part.log_sales.mean(), train_part.log_sales.std()


class SalesDataset(Dataset):
    def __init__(self, part):
        self.cats = torch.tensor(part[cat_cols].values, dtype=torch.long)
        self.nums = torch.tensor(((part[num_cols] - mean) / std).values, dtype=torch.float32)
        self.target = torch.tensor(((part.log_sales - t_mean) / t_std).values, dtype=torch.float32)

    def __len__(self):
        return len(self.target)

    def __getitem__(self, idx):
        return {"cats": self.cats[idx], "nums": self.nums[idx]}, self.target[idx]


class SalesNet(nn.Module):
    def __init__(self, cards=(STORES, DAYS, 3), dims=(5, 4, 2), n_num=2):
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(c, d) for c, d in zip(cards, dims)])
        self.bn = nn.BatchNorm1d(n_num)
        self.body = nn.Sequential(nn.Linear(sum(dims) + n_num, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.out = nn.Linear(32, 1)

    def forward(self, batch):
        x_cat, x_num = batch["cats"], batch["nums"]
        store = self.embeds[0](x_cat[:, 0])
        promo = self.embeds[2](x_cat[:, 2])
        weekday = self.embeds[1](x_cat[:, 2])  # fault
        # fixed: weekday = self.embeds[1](x_cat[:, 1])
        x = torch.cat([store, weekday, promo, self.bn(x_num)], dim=1)  # here
        return self.out(self.body(x)).squeeze(1)


train_loader = DataLoader(SalesDataset(train_part), batch_size=80, shuffle=True)
val_loader = DataLoader(SalesDataset(val_part), batch_size=200)
model = SalesNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        s = 0.0
        for batch, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch), target)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            v = np.mean([loss_fn(model(b), t).item() for b, t in val_loader])
        print(f"epoch {epoch}: {s / len(train_loader):.4f} | {v:.4f}")
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
