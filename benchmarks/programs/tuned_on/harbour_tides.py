"""Water level at a harbour, six hours ahead at once, from two days of hourly levels and wind.

code: ND603
also:
object: optimizer | zero_grad | train
seen: watch
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class TideWindows(Dataset):
    PAST, AHEAD = 48, 6

    def __init__(self, level, wind):
        self.series = torch.stack([level, wind], dim=1)

    def __len__(self):
        return (len(self.series) - self.PAST - self.AHEAD) // 3

    def __getitem__(self, k):
        s = 3 * k
        past = self.series[s:s + self.PAST]
        ahead = self.series[s + self.PAST:s + self.PAST + self.AHEAD, 0]
        return past, ahead


def gauge(hours, seed=1825):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(hours, dtype=torch.float32)
    moon = torch.sin(2 * math.pi * t / 12.42) + 0.3 * torch.sin(2 * math.pi * t / 12.0) + 0.15 * torch.sin(2 * math.pi * t / 24.07)
    gust = torch.randn(hours, generator=g)
    wind = torch.zeros(hours)
    for i in range(1, hours):
        wind[i] = 0.95 * wind[i - 1] + 0.3 * gust[i]
    surge = 0.25 * wind.roll(2)
    return moon + surge + 0.03 * torch.randn(hours, generator=g), wind


class TideLSTM(nn.Module):
    def __init__(self, hidden=32, ahead=6):
        super().__init__()
        self.lstm = nn.LSTM(2, hidden, batch_first=True)
        self.head = nn.Linear(hidden, ahead)

    def forward(self, past):
        out, _ = self.lstm(past)
        return self.head(out[:, -1])


torch.manual_seed(1825)
level, wind = gauge(3000)
train_set, val_set = TideWindows(level[:2400], wind[:2400]), TideWindows(level[2400:], wind[2400:])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=64)
model = TideLSTM()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)


def train_one_epoch():
    model.train()
    total = 0.0
    for past, ahead in train_loader:
        predicted = model(past)
        loss = loss_fn(predicted, ahead)
        loss.backward()  # fault
        # fixed: optimizer.zero_grad()
        # fixed: loss.backward()
        optimizer.step()  # here
        total += loss.item() * len(past)
    return total / len(train_set)


@torch.no_grad()
def rmse():
    model.eval()
    se = sum(((model(p) - a) ** 2).sum().item() for p, a in val_loader)
    return math.sqrt(se / (len(val_set) * TideWindows.AHEAD))


def train(epochs=5):
    for epoch in range(epochs):
        loss = train_one_epoch()
        scheduler.step()
        print(f"{epoch}  train mse {loss:.4f}  val rmse {rmse():.4f} m")
    return loss


if __name__ == "__main__":
    print(train())
