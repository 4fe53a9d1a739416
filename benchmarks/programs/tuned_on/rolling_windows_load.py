"""Forecasts the electric load of the next hour from the last two days.

code: ND105
also:
object: val_loader | val_set | random_split | validation
seen: checkup
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, random_split

torch.manual_seed(17)
HOURS, W = 1400, 48
hour = torch.arange(HOURS + 1)
noise = torch.zeros(HOURS + 1)
for i in range(1, HOURS + 1):
    noise[i] = 0.7 * noise[i - 1] + 0.25 * torch.randn(())
load = torch.sin(2 * math.pi * hour / 24) + 0.4 * torch.sin(2 * math.pi * hour / 12 + 1) + noise
load = (load - load[:1000].mean()) / load[:1000].std()


class Windows(Dataset):
    def __init__(self, series, width):
        self.series, self.width = series, width

    def __len__(self):
        return len(self.series) - self.width

    def __getitem__(self, i):
        return self.series[i:i + self.width, None], self.series[i + self.width]


windows = Windows(load, W)
n_val = 280
train_set, val_set = random_split(windows, [len(windows) - n_val, n_val], torch.Generator().manual_seed(0))  # fault
# fixed: cut = len(windows) - n_val
# fixed: train_set, val_set = Subset(windows, range(cut - W)), Subset(windows, range(cut, len(windows)))
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=140)  # here


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 20, batch_first=True)
        self.head = nn.Sequential(nn.LayerNorm(20), nn.Linear(20, 1))

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.head(h[-1]).squeeze(-1)


model = Forecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def validate():
    model.eval()
    with torch.no_grad():
        e = torch.cat([model(x) - y for x, y in val_loader])
    return e.square().mean().sqrt().item()


def train():
    for epoch in range(6):
        model.train()
        epoch_loss = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            epoch_loss.append(loss.item())
        print("epoch", epoch, "mse", sum(epoch_loss) / len(epoch_loss), "val rmse", validate())
    return sum(epoch_loss) / len(epoch_loss)


if __name__ == "__main__":
    print(train())
