"""Hourly bike rentals: a Poisson regression with calendar embeddings and a one-cycle schedule.

code: ND606
also: ND605
object: scheduler | OneCycleLR | total_steps
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


class Rentals(Dataset):
    def __init__(self, n=1200):
        g = torch.Generator().manual_seed(40)
        self.hour = torch.randint(0, 24, (n,), generator=g)
        self.weekday = torch.randint(0, 7, (n,), generator=g)
        self.weather = torch.randn(n, 3, generator=g)
        work = (self.weekday < 5).float()
        peak = torch.exp(-((self.hour - 8.0) / 2) ** 2) + torch.exp(-((self.hour - 17.0) / 2) ** 2)
        rate = torch.exp(0.5 + work * peak + (1 - work) * torch.exp(-((self.hour - 14.0) / 4) ** 2) + 0.3 * self.weather[:, 0] - 0.2 * self.weather[:, 1])
        self.count = torch.poisson(rate, generator=g)

    def __len__(self):
        return len(self.count)

    def __getitem__(self, i):
        return (self.hour[i], self.weekday[i], self.weather[i]), self.count[i]


class Demand(nn.Module):
    def __init__(self):
        super().__init__()
        self.hour, self.weekday = nn.Embedding(24, 6), nn.Embedding(7, 3)
        self.net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Dropout(0.05), nn.Linear(32, 1))

    def forward(self, x):
        h, d, w = x
        return self.net(torch.cat([self.hour(h), self.weekday(d), w], 1))[:, 0]


torch.manual_seed(40)
everything = Rentals()
order = torch.randperm(len(everything)).tolist()
train_loader = DataLoader(Subset(everything, order[:960]), batch_size=32, shuffle=True)
val_loader = DataLoader(Subset(everything, order[960:]), batch_size=120)
model = Demand()
loss_fn = nn.PoissonNLLLoss(log_input=True)
EPOCHS = 10
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=EPOCHS * len(train_loader), div_factor=100)  # here


def fit_epoch():
    model.train()
    s = 0.0
    for x, count in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), count)
        loss.backward()
        optimizer.step()  # fault
        # fixed: optimizer.step()
        # fixed: scheduler.step()
        s += loss.item()
    return s / len(train_loader)


def check():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(x), c).item() * len(c) for x, c in val_loader) / 240


def train():
    for _ in range(EPOCHS):
        loss, val = fit_epoch(), check()
        scheduler.step()  # fault
        # fixed:
    return loss


if __name__ == "__main__":
    print(train())
