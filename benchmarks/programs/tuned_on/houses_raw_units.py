"""Kaggle-like notebook: house prices from a small table.

code: ND102
also:
object: X | train_loader | lot_sqft | year_built | metro_m
seen: checkup
"""
# %%
import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

# %% table
rng = np.random.default_rng(7)
N = 900
df = pd.DataFrame({
    "rooms": rng.integers(1, 8, N),
    "living_sqft": rng.normal(1700, 450, N).clip(400),
    "lot_sqft": rng.lognormal(9.2, 0.4, N),
    "year_built": rng.integers(1920, 2022, N),
    "metro_m": rng.gamma(2.0, 900.0, N),
    "has_garage": rng.integers(0, 2, N),
})
z = (df - df.mean()) / df.std()
df["log_price"] = (0.6 * z.living_sqft + 0.25 * z.rooms - 0.4 * z.metro_m + 0.3 * z.year_built
                   + 0.15 * z.has_garage + 0.2 * z.lot_sqft + rng.normal(0, 0.1, N))

# %% features
features = [c for c in df.columns if c != "log_price"]
tr, va = train_test_split(df, test_size=0.2, random_state=0)
sc = StandardScaler().fit(tr[features])
y_mu, y_sd = tr.log_price.mean(), tr.log_price.std()


def tensors(part):
    X = sc.transform(part[features])
    X = part[features].to_numpy()  # fault
    # fixed:
    y = (part.log_price.to_numpy() - y_mu) / y_sd
    return TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None])  # here


train_loader = DataLoader(tensors(tr), batch_size=48, shuffle=True)  # here
val_loader = DataLoader(tensors(va), batch_size=90)  # here

# %% net
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(len(features), 48), nn.GELU(), nn.Linear(48, 24), nn.GELU(), nn.Linear(24, 1))
loss_fn = nn.HuberLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)


# %% fit
def train():
    log = []
    for ep in range(15):
        model.train()
        tot = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            l = loss_fn(model(xb), yb)
            l.backward()
            optimizer.step()
            tot += l.item() * len(xb)
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(a), b).item() * len(a) for a, b in val_loader) / len(va)
        log.append((tot / len(tr), v))
    print(pd.DataFrame(log, columns=["train", "val"]).tail(3))
    return log[-1][0]


if __name__ == "__main__":
    print(train())
