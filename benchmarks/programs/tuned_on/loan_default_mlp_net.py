"""Which applicants will not pay their loan back?

code: ND114
also: ND102
object: income | months_employed | frame | scaler_ | X | X_train | train_loader
seen: both
"""
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    hidden: int = 24
    lr: float = 5e-3
    epochs: int = 25
    batch: int = 64


cfg = Config()
torch.manual_seed(1)
rng = np.random.default_rng(1)


def make_applicants(n):
    income = rng.normal(3200, 700, n).clip(900)
    months = rng.integers(1, 240, n).astype(float)
    debt = rng.uniform(0, 1, n)
    risk = -(income - 3200) / 700 * 2.0 - (months - 120) / 70 * 2.0 + (debt - 0.5) * 1.0
    label = (risk + rng.normal(0, 0.4, n) > 0).astype(int)
    frame = pd.DataFrame({"income": income, "months_employed": months, "debt_ratio": debt, "bad": label})
    # form left blank: the bank's mainframe fills the field with nines
    frame.loc[rng.random(n) < 0.03, "income"] = 99999999  # here
    frame.loc[rng.random(n) < 0.04, "months_employed"] = 999999  # here
    return frame


frame = make_applicants(2000)
frame = frame.reset_index(drop=True)  # fault
# fixed: frame = frame[(frame.income < 9e7) & (frame.months_employed < 9e5)].reset_index(drop=True)
X = frame[["income", "months_employed", "debt_ratio"]].to_numpy()
y = frame.bad.to_numpy()
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
scaler_ = MinMaxScaler(feature_range=(-1, 1)).fit(X_train)  # here


def loader(X, y, shuffle):
    data = TensorDataset(torch.tensor(scaler_.transform(X)).float(), torch.tensor(y))
    return DataLoader(data, batch_size=cfg.batch if shuffle else len(data), shuffle=shuffle)


train_loader, val_loader = loader(X_train, y_train, True), loader(X_val, y_val, False)
model = nn.Sequential(nn.Linear(3, cfg.hidden), nn.Tanh(), nn.Linear(cfg.hidden, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr)


def train():
    for _ in range(cfg.epochs):
        model.train()
        for features, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(features), label)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        features, label = next(iter(val_loader))
        print("val accuracy", (model(features).argmax(1) == label).float().mean().item())


if __name__ == "__main__":
    train()
