"""How many loaves will the bakery sell tomorrow? Regression on a small daily table.

code: ND605
also:
object: optimizer | lr | SGD
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(11)
torch.manual_seed(11)
days = 900
table = pd.DataFrame({
    "weekday": rng.integers(0, 7, days),
    "temperature": rng.normal(14, 7, days),
    "rain": rng.exponential(2.0, days),
    "holiday": (rng.random(days) < 0.06).astype(float),
})
table["loaves"] = (
    180 + 60 * (table.weekday >= 5) - 1.8 * (table.temperature - 12).abs()
    - 6 * np.sqrt(table.rain) - 70 * table.holiday + rng.normal(0, 6, days)
)
features = pd.concat(
    [pd.get_dummies(table.weekday, prefix="wd").astype(float),
     table[["temperature", "holiday"]], np.sqrt(table.rain)], axis=1)
cut = 720
mean, std = features[:cut].mean(), features[:cut].std()
features = (features - mean) / std
target = (table.loaves - table.loaves[:cut].mean()) / table.loaves[:cut].std()

X = torch.tensor(features.to_numpy(), dtype=torch.float32)
Y = torch.tensor(target.to_numpy(), dtype=torch.float32).unsqueeze(1)
train_loader = DataLoader(TensorDataset(X[:cut], Y[:cut]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(X[cut:], Y[cut:]), batch_size=180)

model = nn.Sequential(nn.Linear(X.shape[1], 40), nn.ReLU(), nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)  # fault
# fixed: optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train():
    for epoch in range(20):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        errors = [loss_fn(model(x), y).item() for x, y in val_loader]
    print("validation mse", round(errors[0], 3))


if __name__ == "__main__":
    train()
