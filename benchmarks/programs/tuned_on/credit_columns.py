"""Default risk of loans; the bank delivers the two tables as separate exports.

code: ND106
also:
object: val_loader | columns | val_x | test_export | validation
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def export(n, seed):
    r = np.random.default_rng(seed)
    df = pd.DataFrame({
        "income": r.lognormal(10.5, 0.4, n), "debt": r.lognormal(9, 0.7, n), "late_payments": r.poisson(1.0, n),
        "age": r.integers(20, 70, n), "term": r.choice([12, 24, 36, 60], n), "accounts": r.integers(1, 9, n)})
    risk = (-1.2 * (np.log(df.income) - 10.5) / .4 + 1.0 * (np.log(df.debt) - 9) / .7
            + 0.9 * (df.late_payments - 1) + 0.01 * (df.term - 33) - 0.02 * (df.age - 45))
    df["default"] = (risk + r.normal(0, .5, n) > 0.3).astype(int)
    return df


train_export = export(800, 0)
test_export = export(240, 1).sort_index(axis=1)


def numeric(df, columns):
    out = df[columns].copy()
    for c in ("income", "debt"):
        out[c] = np.log(out[c])
    return out


columns = [c for c in train_export.columns if c != "default"]
train_x = numeric(train_export, columns)
mean, std = train_x.mean(), train_x.std()
train_x = ((train_x - mean) / std).values
val_x = numeric(test_export, [c for c in test_export.columns if c != "default"])  # fault
# fixed: val_x = numeric(test_export, columns)
val_x = ((val_x - mean[val_x.columns]) / std[val_x.columns]).values  # here


def loader(x, df, **kw):
    return DataLoader(TensorDataset(torch.tensor(x).float(), torch.tensor(df["default"].values)), **kw)


train_loader = loader(train_x, train_export, batch_size=50, shuffle=True)
val_loader = loader(val_x, test_export, batch_size=120)  # here

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 32), nn.LeakyReLU(), nn.Dropout(0.1), nn.Linear(32, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)


def epoch_loss(loader, learn):
    model.train(learn)
    out = []
    for x, y in loader:
        with torch.set_grad_enabled(learn):
            loss = loss_fn(model(x), y)
        if learn:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        out.append(loss.item())
    return float(np.mean(out))


def train():
    for e in range(10):
        a, b = epoch_loss(train_loader, True), epoch_loss(val_loader, False)
        scheduler.step(b)
        print(e, round(a, 4), round(b, 4))
    return a


if __name__ == "__main__":
    print(train())
