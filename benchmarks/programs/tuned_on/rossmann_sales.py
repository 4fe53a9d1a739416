"""Entity embeddings for Rossmann-like daily store sales.

code: ND112
also:
object: targets | train_ds | train_loader | sales | loss_fn | y | Sales
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(7)
torch.manual_seed(7)

N = 2400
df = pd.DataFrame({
    "Store": rng.integers(0, 40, N),
    "DayOfWeek": rng.integers(0, 6, N),
    "StateHoliday": (rng.random(N) < 0.3).astype(int),
    "Promo": rng.integers(0, 2, N),
    "CompetitionDistance": rng.lognormal(7.5, 0.8, N),
    "Day": np.sort(rng.integers(0, 900, N)),
})
base = rng.normal(5800, 1300, 40)
dow = np.array([1400, 300, 0, -200, 200, -600])
df["Sales"] = (base[df.Store] + dow[df.DayOfWeek] + 1900 * df.Promo - 700 * df.StateHoliday
               - 350 * (np.log(df.CompetitionDistance) - 7.5) + rng.normal(0, 500, N)).clip(lower=400)

# last part of the calendar is the validation period
cut = int(0.8 * N)
train_df, val_df = df.iloc[:cut], df.iloc[cut:]
cats = ["Store", "DayOfWeek", "StateHoliday", "Promo"]
dist = np.log(train_df.CompetitionDistance)
dist_mu, dist_sd = dist.mean(), dist.std()
sales_mu, sales_sd = train_df.Sales.mean(), train_df.Sales.std()


def to_dataset(frame):
    xc = torch.tensor(frame[cats].values, dtype=torch.long)
    xn = torch.tensor(((np.log(frame.CompetitionDistance) - dist_mu) / dist_sd).values, dtype=torch.float32)[:, None]
    y = torch.tensor(frame.Sales.values, dtype=torch.float32)[:, None]  # fault
    # fixed: y = torch.tensor(((frame.Sales - sales_mu) / sales_sd).values, dtype=torch.float32)[:, None]
    return TensorDataset(torch.cat([xc.float(), xn], 1), y)


class EntityNet(nn.Module):
    def __init__(self, sizes=(40, 6, 2, 2), dims=(10, 4, 2, 2)):
        super().__init__()
        self.embs = nn.ModuleList(nn.Embedding(s, d) for s, d in zip(sizes, dims))
        self.mlp = nn.Sequential(nn.Linear(sum(dims) + 1, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        xc = x[:, :4].long()
        e = [emb(xc[:, i]) for i, emb in enumerate(self.embs)]
        return self.mlp(torch.cat(e + [x[:, 4:]], 1))


train_ds, val_ds = to_dataset(train_df), to_dataset(val_df)  # here
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=256)
model = EntityNet()
loss_fn = nn.MSELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader) / len(val_ds)
        print(epoch, total / len(train_ds), v)
    return total / len(train_ds)


if __name__ == "__main__":
    print(train())
