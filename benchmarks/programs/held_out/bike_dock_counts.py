"""How many bikes leave a docking station in an hour: regression on log counts.

code: ND101
also: ND310
object: targets | log_rides | y | y_train
seen: both
"""
import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(11)
torch.manual_seed(11)


def make_stations(n=2000):
    hour = np.random.uniform(0, 24, n)
    temp = np.random.normal(15, 7, n)
    centre = np.random.exponential(3.0, n).clip(0, 9)
    rate = np.exp(2.0 + 0.6 * np.sin((hour - 9) / 24 * 2 * np.pi) + 0.03 * (temp - 15) - 0.25 * centre)
    rides = np.random.poisson(rate)
    x = np.stack([np.sin(hour / 24 * 2 * np.pi), np.cos(hour / 24 * 2 * np.pi), temp, centre], 1)
    return x, rides


x, rides = make_stations()
log_rides = np.log(rides)  # fault
# fixed: log_rides = np.log1p(rides)
x_train, x_val, y_train, y_val = train_test_split(x, log_rides, test_size=0.2, random_state=0)
scaler_x = StandardScaler().fit(x_train)


def to_set(x, y):
    return TensorDataset(torch.tensor(scaler_x.transform(x)).float(), torch.tensor(y).float()[:, None])  # here


train_loader = DataLoader(to_set(x_train, y_train), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(to_set(x_val, y_val), batch_size=200)  # here

model = nn.Sequential(nn.Linear(4, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 1))
loss_fn = nn.SmoothL1Loss()
optimizer = optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        losses = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return float(np.mean(losses))


if __name__ == "__main__":
    print("final loss", train())
