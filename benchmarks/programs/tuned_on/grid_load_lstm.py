"""Forecasts the next six hours of grid load from the past day.

code: ND604
also:
object: optimizer | lr | group 0
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(55)

hours = torch.arange(1500.0)
load = (50 + 12 * torch.sin(2 * math.pi * hours / 24) + 5 * torch.sin(4 * math.pi * hours / 24 + 1)
        + 4 * torch.sin(2 * math.pi * hours / 168) + 1.0 * torch.randn(1500))
temp = 12 + 6 * torch.sin(2 * math.pi * (hours - 8) / 24) + torch.randn(1500)
raw = torch.stack([load, temp], 1)
cut = 1200
series = (raw - raw[:cut].mean(0)) / raw[:cut].std(0)


class Windows(Dataset):
    def __init__(self, s, past=24, ahead=6):
        self.s, self.past, self.ahead = s, past, ahead

    def __len__(self):
        return len(self.s) - self.past - self.ahead + 1

    def __getitem__(self, i):
        j = i + self.past
        return self.s[i:j], self.s[j:j + self.ahead, 0]


train_loader = DataLoader(Windows(series[:cut]), batch_size=64, shuffle=True)
val_loader = DataLoader(Windows(series[cut:]), batch_size=128)


class LoadForecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(2, 48, num_layers=2, batch_first=True)
        self.proj = nn.Linear(48, 6)

    def forward(self, x):
        return self.proj(self.rnn(x)[0][:, -1])


class Config:
    lr = 0.2  # fault
    # fixed: lr = 3e-3
    epochs = 5


model = LoadForecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=Config.lr)  # here


def fit():
    curve = []
    for epoch in range(Config.epochs):
        model.train()
        total = 0.0
        for past, future in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(past), future)
            loss.backward()
            optimizer.step()  # here
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(p), f).item() * len(f) for p, f in val_loader) / len(val_loader.dataset)
        curve.append((total / len(train_loader), val))
        print("epoch", epoch, "train %.4f val %.4f" % curve[-1])
    return curve[-1][0]


train = fit

if __name__ == "__main__":
    print(train())
