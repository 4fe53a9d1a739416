# -*- coding: utf-8 -*-
"""Who got into a lifeboat? A passenger table read with pandas.

code: ND101
also:
object: age | df | x_train | x_test | features | dataset | train_loader
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(1912)
torch.manual_seed(1912)

# ---------------------------------------------------------------- the table
N = 900
df = pd.DataFrame({
    "pclass": rng.integers(1, 4, N),
    "sex": rng.choice(["male", "female"], N, p=[0.64, 0.36]),
    "age": rng.gamma(6.0, 5.0, N).round(),
    "sibsp": rng.poisson(0.5, N),
    "fare": rng.lognormal(3.0, 0.8, N),
    "embarked": rng.choice(["S", "C", "Q"], N, p=[0.7, 0.2, 0.1]),
})
score = 2.2 * (df.sex == "female") - 0.8 * (df.pclass - 2) - 0.035 * (df.age - 30) - 0.9
df["survived"] = (rng.random(N) < 1 / (1 + np.exp(-score))).astype(int)
df.loc[rng.random(N) < 0.2, "age"] = np.nan       # the purser did not ask everybody

# ---------------------------------------------------------------- features
df["sex"] = df["sex"].map({"male": 0, "female": 1})
df["fare"] = np.log1p(df["fare"])
df = pd.get_dummies(df, columns=["embarked"], dtype=float)

target = df.pop("survived").values
split = int(0.8 * N)
mean, std = df[:split].mean(), df[:split].std()
df = (df - mean) / std  # fault
# fixed: df = ((df - mean) / std).fillna(0.0)

x_train = torch.tensor(df.values[:split], dtype=torch.float32)  # here
y_train = torch.tensor(target[:split], dtype=torch.float32)
x_test = torch.tensor(df.values[split:], dtype=torch.float32)
y_test = torch.tensor(target[split:], dtype=torch.float32)

train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(x_test, y_test), batch_size=180)

# ---------------------------------------------------------------- model
model = nn.Sequential(
    nn.Linear(x_train.shape[1], 32), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(32, 16), nn.ReLU(),
    nn.Linear(16, 1), nn.Flatten(0),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)


def train(num_epochs=12):
    for epoch in range(num_epochs):
        model.train()
        losses = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([((model(xb) > 0).float() == yb).float().mean().item() for xb, yb in val_loader])
        print("Epoch %2d  loss %.4f  test acc %.3f" % (epoch, np.mean(losses), acc))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
