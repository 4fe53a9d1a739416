"""Temperature anomalies of the next six hours from the last twenty-four.

code: ND305
also:
object: 5 | 4 | net | model.5 | mlp
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PAST, AHEAD = 24, 6


def anomaly_series(hours, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    ar = np.zeros(hours)
    for i in range(1, hours):
        ar[i] = 0.9 * ar[i - 1] + 0.25 * rng.standard_normal()
    series = np.sin(2 * np.pi * t / 24) + 0.5 * np.sin(2 * np.pi * t / 168) + 0.6 * ar
    return series.astype(np.float32)


def windows(series, stride):
    starts = range(0, len(series) - PAST - AHEAD, stride)
    x = np.stack([series[s:s + PAST] for s in starts])
    y = np.stack([series[s + PAST:s + PAST + AHEAD] for s in starts])
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


def mlp(*sizes):
    layers = []
    for fan_in, fan_out in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]  # fault
        # fixed: layers.append(nn.Linear(fan_in, fan_out))
        # fixed: if fan_out != sizes[-1]: layers.append(nn.ReLU())
    return nn.Sequential(*layers)  # here


torch.manual_seed(30)
series = anomaly_series(4000, seed=30)
series = (series - series[:3200].mean()) / series[:3200].std()
train_loader = DataLoader(windows(series[:3200], stride=3), batch_size=32, shuffle=True)
val_loader = DataLoader(windows(series[3200:], stride=6), batch_size=128)

net = model = mlp(PAST, 64, 32, AHEAD)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def rmse(loader):
    model.eval()
    with torch.no_grad():
        square = torch.cat([(model(x) - y) ** 2 for x, y in loader])
    return square.mean().sqrt().item()


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        epoch_losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            epoch_losses.append(loss.item())
        print(f"epoch {epoch}: mse {np.mean(epoch_losses):.4f}  val rmse {rmse(val_loader):.4f}")
    return float(np.mean(epoch_losses))


if __name__ == "__main__":
    print(train())
