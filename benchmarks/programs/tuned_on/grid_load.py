"""Hourly load of a power grid one day ahead; the last weeks are held out in their order.

code: none
trait: time-ordered data, validation is a later block and is not shuffled; overlapping windows inside each split
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(41)
torch.manual_seed(41)
hours = np.arange(24 * 7 * 12)
load = (np.sin(2 * np.pi * hours / 24) + 0.5 * np.sin(4 * np.pi * hours / 24 + 1)
        - 0.8 * ((hours // 24) % 7 >= 5) + 0.2 * rng.normal(size=len(hours)))
cut = 24 * 7 * 9
load = (load - load[:cut].mean()) / load[:cut].std()
calendar = np.stack([np.sin(2 * np.pi * hours / 168), np.cos(2 * np.pi * hours / 168)], 1)


class LoadWindows(Dataset):
    def __init__(self, begin, end, past=48, ahead=6):
        self.values = torch.tensor(np.column_stack([load, calendar])[begin:end], dtype=torch.float32)
        self.past, self.ahead = past, ahead

    def __len__(self):
        return len(self.values) - self.past - self.ahead + 1

    def __getitem__(self, i):
        middle = i + self.past
        return self.values[i:middle], self.values[middle:middle + self.ahead, 0]


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(3, 24, 5, stride=2), nn.ReLU(), nn.Conv1d(24, 24, 5, stride=2), nn.ReLU())
        self.out = nn.Linear(24 * 9, 6)

    def forward(self, past):
        return self.out(self.conv(past.transpose(1, 2)).flatten(1))


train_loader = DataLoader(LoadWindows(0, cut), batch_size=50, shuffle=True)
val_loader = DataLoader(LoadWindows(cut, len(hours)), batch_size=100, shuffle=False)
model = Forecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(4):
        model.train()
        total = 0.0
        for past, future in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(past), future)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(p), f).item() for p, f in val_loader) / len(val_loader)
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    train()
