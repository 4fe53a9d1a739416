"""Bone age in months from measurements of hand scans; the sheet lists one clinic after the other.

code: ND115
also: ND106
object: val_ds | val_loader | X_val | df | n_train | split
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader

np.random.seed(21)
torch.manual_seed(21)


def clinic(name, n, age_mean, gain, offset):
    age = np.random.normal(age_mean, 28, n).clip(12, 228)
    length = 0.35 * age + np.random.normal(0, 5, n)
    ossif = np.tanh(age / 120) * 40 + np.random.normal(0, 2, n)
    density = 0.2 * age + np.random.normal(0, 6, n)
    width = 0.12 * age + np.random.normal(0, 2.5, n)
    m = np.stack([length, ossif, density, width], 1)
    m = m * gain + offset * np.array([10, 6, 12, 5])
    d = pd.DataFrame(m, columns=["length", "ossif", "density", "width"])
    d["clinic"], d["age_months"] = name, age
    return d


df = pd.concat([
    clinic("north", 500, 110, 1.00, 0.0),
    clinic("lake", 400, 125, 1.05, 0.3),
    clinic("city", 300, 150, 1.25, 1.5),
], ignore_index=True)
df["clinic_id"] = df.clinic.map({"north": 0, "lake": 1, "city": 2})

n_train = 900
train_df, val_df = df.iloc[:n_train], df.iloc[n_train:]  # fault
# fixed: df = df.sample(frac=1.0, random_state=21).reset_index(drop=True)
# fixed: train_df, val_df = df.iloc[:n_train], df.iloc[n_train:]

cols = ["length", "ossif", "density", "width"]
mu, sd = train_df[cols].mean(), train_df[cols].std()
ym, ys = train_df.age_months.mean(), train_df.age_months.std()


def tensors(part):
    x = torch.tensor(((part[cols] - mu) / sd).values, dtype=torch.float32)
    y = torch.tensor(((part.age_months - ym) / ys).values, dtype=torch.float32).unsqueeze(1)
    return TensorDataset(x, y)


train_ds, val_ds = tensors(train_df), tensors(val_df)  # here
train_loader = DataLoader(train_ds, batch_size=50, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=100, shuffle=False)  # here

model = nn.Sequential(nn.Linear(4, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 1))
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)


def train():
    for epoch in range(20):
        model.train()
        acc = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            l = loss_fn(model(x), y)
            l.backward()
            optimizer.step()
            acc += l.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            err = torch.cat([(model(x) - y).abs() for x, y in val_loader]).mean().item() * ys
        if epoch % 4 == 3:
            print("epoch", epoch + 1, "train", round(acc / len(train_loader), 4), "val MAE months", round(err, 2))
    return acc / len(train_loader)


if __name__ == "__main__":
    print(train())
