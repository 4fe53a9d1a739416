"""Forecast a bakery's daily turnover from the weather, the weekday and the price.

code: ND202
also: ND503 | ND406
object: init_weights | normal_ | std | weight | Linear
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
rng = np.random.default_rng(0)
n = 1400
table = pd.DataFrame({
    "temperature": rng.normal(14, 7, n),
    "rain": rng.gamma(1.5, 2.0, n),
    "weekday": rng.integers(0, 7, n),
    "price": rng.uniform(2.5, 4.5, n),
})
table["turnover"] = (
    900 - 2.0 * (table.temperature - 16) ** 2 - 25 * table.rain
    + 250 * (table.weekday >= 5) * (4 - table.price) + rng.normal(0, 25, n)
)
features = pd.get_dummies(table.drop(columns="turnover"), columns=["weekday"]).astype("float32")
cut = 1100
mean, std = features[:cut].mean(), features[:cut].std()
x = torch.tensor(((features - mean) / std).values)
y = torch.tensor(((table.turnover - table.turnover[:cut].mean()) / table.turnover[:cut].std()).values).float()[:, None]
train_loader = DataLoader(TensorDataset(x[:cut], y[:cut]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[cut:], y[cut:]), batch_size=100)


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, mean=0.0, std=1.0)  # fault
        # fixed: nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        nn.init.zeros_(m.bias)


model = nn.Sequential(
    nn.Linear(x.shape[1], 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 1),
)
model.apply(init_weights)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(20):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("validation MSE", loss_fn(model(x[cut:]), y[cut:]).item())


if __name__ == "__main__":
    train()
