"""Hourly calls at a service desk, a Poisson regression for staffing.

code: ND402
also:
object: loss_fn | rate | PoissonNLLLoss | link
seen: checkup
"""
import math
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader, random_split


def desk(hours=1500, seed=4):
    torch.manual_seed(seed)
    t = torch.arange(hours).float()
    hour, day = t % 24, (t // 24) % 7
    promo = (torch.rand(hours) < 0.1).float()
    heat = torch.randn(hours)
    rate = torch.exp(0.9 + 0.8 * torch.sin(2 * math.pi * (hour - 8) / 24) - 0.5 * (day > 4) + 0.7 * promo + 0.25 * heat)
    x = torch.stack([torch.sin(2 * math.pi * hour / 24), torch.cos(2 * math.pi * hour / 24), (day > 4).float(), promo, heat], 1)
    return x, torch.poisson(rate)


class Staffing(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
        self.link = nn.Softplus()

    def forward(self, x):
        return self.link(self.body(x)).squeeze(-1)  # here


x, y = desk()
train_set, val_set = random_split(TensorDataset(x, y), [1200, 300], generator=torch.Generator().manual_seed(1))
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=150)
model = Staffing()
loss_fn = nn.PoissonNLLLoss()  # fault
# fixed: loss_fn = nn.PoissonNLLLoss(log_input=False)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def mae(loader):
    model.eval()
    with torch.no_grad():
        return sum((model(a) - b).abs().sum().item() for a, b in loader) / len(loader.dataset)


def train():
    for epoch in range(15):
        model.train()
        total = 0
        for a, b in train_loader:
            loss = loss_fn(model(a), b)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(epoch, total / len(train_loader), "calls off by", mae(val_loader))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
