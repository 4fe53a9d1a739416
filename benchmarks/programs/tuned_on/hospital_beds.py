"""Predicts tomorrow's change in bed occupancy from three weeks of daily numbers.

code: ND102
also:
object: Scaler | occupancy | column 0 | transform | x
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Scaler:
    def fit(self, x):
        self.mean_, self.std_ = x.mean(0), x.std(0)
        return self

    def transform(self, x):
        return x - self.mean_  # fault
        # fixed: return (x - self.mean_) / self.std_


def days(n=900):
    g = torch.Generator().manual_seed(2)
    t = torch.arange(n)
    week = 2 * math.pi * t / 7
    admissions = 600 + 140 * torch.sin(week) + 30 * torch.randn(n, generator=g)
    occupancy = torch.empty(n)
    level = 4200.0
    for i in range(n):
        level = level + float(admissions[i]) * 1.4 - 0.2 * level
        occupancy[i] = level
    return torch.stack([occupancy, admissions, torch.sin(week), torch.cos(week)], 1)


class Stays(Dataset):
    def __init__(self, table, change, span, length=21):
        self.table, self.change, self.span, self.length = table, change, span, length

    def __len__(self):
        return len(self.span)

    def __getitem__(self, k):
        i = self.span[k]
        return self.table[i:i + self.length], self.change[i + self.length]


raw = days()
change = raw[1:, 0] - raw[:-1, 0]
change = torch.cat([change[:1], change])
limit = 700
change = (change - change[:limit].mean()) / change[:limit].std()
scaler = Scaler().fit(raw[:limit])
table = scaler.transform(raw)  # here

torch.manual_seed(3)
train_set = Stays(table, change, range(0, limit - 21))
val_set = Stays(table, change, range(limit, len(raw) - 21))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=64)


class BedNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 20, batch_first=True)
        self.read = nn.Linear(20, 1)

    def forward(self, x):
        _, h = self.gru(x)
        return self.read(h[-1]).squeeze(-1)


model = BedNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def one_epoch():
    model.train()
    seen = []
    for x, y in train_loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        seen.append(loss.item())
    return sum(seen) / len(seen)


@torch.no_grad()
def validate():
    model.eval()
    return sum(loss_fn(model(x), y).item() * len(y) for x, y in val_loader) / len(val_set)


def train():
    for _ in range(9):
        loss = one_epoch()
        validate()
    return loss


if __name__ == "__main__":
    print(train(), validate())
