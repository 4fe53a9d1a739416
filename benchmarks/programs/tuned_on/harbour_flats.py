"""Asking prices of flats from a listings table (Kaggle style).

code: ND112
also: ND406
object: y_train | y | price | train_loader
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(2024)
torch.manual_seed(2024)

n = 1500
df = pd.DataFrame({
    "sqft": np.random.normal(950, 250, n).clip(300),
    "bedrooms": np.random.randint(1, 5, n),
    "floor": np.random.randint(1, 30, n),
    "age": np.random.uniform(0, 60, n),
    "district": np.random.choice(["harbour", "old_town", "north", "campus"], n),
})
bonus = df["district"].map({"harbour": 120_000, "old_town": 80_000, "north": 0, "campus": 30_000})
df["price"] = (310 * df.sqft + 15_000 * df.bedrooms + 1_800 * df.floor - 1_500 * df.age
               + bonus + np.random.normal(0, 20_000, n))

num, cat = ["sqft", "bedrooms", "floor", "age"], ["district"]
X = df[num + cat]
y = df["price"].values  # here

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=1)
prep = ColumnTransformer([("num", StandardScaler(), num), ("cat", OneHotEncoder(), cat)], sparse_threshold=0)
X_train = torch.tensor(prep.fit_transform(X_train)).float()
X_test = torch.tensor(prep.transform(X_test)).float()
y_mean, y_std = y_train.mean(), y_train.std()
y_train = torch.tensor(y_train).float().view(-1, 1)  # fault
# fixed: y_train = torch.tensor((y_train - y_mean) / y_std).float().view(-1, 1)
y_test = torch.tensor(y_test).float().view(-1, 1)  # fault
# fixed: y_test = torch.tensor((y_test - y_mean) / y_std).float().view(-1, 1)

train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(X_test, y_test), batch_size=300)


class PriceNet(nn.Module):
    def __init__(self, d_in):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(d_in, 64), nn.ReLU(),
            nn.Linear(64, 32), nn.ReLU(),
            nn.Linear(32, 1),
        )

    def forward(self, x):
        return self.net(x)


model = PriceNet(X_train.shape[1])
loss_fn = nn.MSELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=15):
    for epoch in range(epochs):
        model.train()
        train_losses = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            train_losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val_loss = np.mean([loss_fn(model(xb), yb).item() for xb, yb in val_loader])
    return float(np.mean(train_losses))


if __name__ == "__main__":
    print("final train MSE:", train())
