"""Forecast the next hour's tide at a harbour from the last day of readings.

code: ND604
also:
object: optimizer | lr | Adam
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(21)


class Tides(Dataset):
    """Windows of 24 hourly heights (in standard units) and the height that follows."""

    def __init__(self, hours, start):
        t = torch.arange(start, start + hours).float()
        height = torch.sin(2 * math.pi * t / 12.42) + 0.4 * torch.sin(2 * math.pi * t / 12.0 + 1)
        height = height + 0.2 * torch.sin(2 * math.pi * t / 25.82) + 0.05 * torch.randn(hours)
        self.height = height / 0.78

    def __len__(self):
        return len(self.height) - 24

    def __getitem__(self, i):
        return self.height[i:i + 24].unsqueeze(1), self.height[i + 24].unsqueeze(0)


class Forecaster(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, window):
        states, _ = self.lstm(window)
        return self.head(states[:, -1])


train_loader = DataLoader(Tides(1000, 0), batch_size=64, shuffle=True)
val_loader = DataLoader(Tides(400, 1000), batch_size=128)
model = Forecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1.0)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def evaluate():
    model.eval()
    total = 0.0
    with torch.no_grad():
        for window, following in val_loader:
            total += loss_fn(model(window), following).item() * len(window)
    return total / len(val_loader.dataset)


def train():
    for epoch in range(6):
        model.train()
        for window, following in train_loader:
            optimizer.zero_grad()
            loss_fn(model(window), following).backward()
            optimizer.step()  # here
    print("validation mse", round(evaluate(), 4))


if __name__ == "__main__":
    train()
