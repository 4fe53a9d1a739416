"""Daily bread sales of a bakery from weekday, weather and prices.

code: ND706
also: ND604
object: momentum | optimizer | SGD
seen: watch
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(107)
n = 1500
sales = pd.DataFrame({
    "rain": rng.normal(size=n), "warmth": rng.normal(size=n), "price": rng.normal(size=n),
    "weekday": rng.integers(0, 7, n),
})
day = np.array([0.2, -0.4, -0.3, 0.0, 0.5, 1.4, -1.4])
sales["loaves"] = (
    day[sales.weekday] - 0.6 * sales.price + 0.5 * sales.warmth * sales.rain + 0.1 * rng.normal(size=n)
)
sales["loaves"] = (sales.loaves - sales.loaves.mean()) / sales.loaves.std()
x = pd.get_dummies(sales.drop(columns="loaves"), columns=["weekday"]).astype(float)
x = torch.tensor(x.to_numpy()).float()
y = torch.tensor(sales.loaves.to_numpy()).float().unsqueeze(1)
train_loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1200:], y[1200:]), batch_size=100)

torch.manual_seed(107)
model = nn.Sequential(nn.Linear(10, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.975)  # fault
# fixed: optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.8)
history = []


def train():
    for epoch in range(14):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            history.append(np.mean([loss_fn(model(a), b).item() for a, b in val_loader]))


if __name__ == "__main__":
    train()
