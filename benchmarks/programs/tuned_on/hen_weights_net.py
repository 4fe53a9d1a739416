"""Does a hen gain or lose weight over two weeks of daily weighing? A GRU decides at the end.

code: ND303
also:
object: out | forward | states | GRU | Hens
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(19)
DAYS = 14


class Hens(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.rnn = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, grams):
        states, _ = self.rnn(grams)
        return self.out(states[:, 0]).squeeze(1)  # fault
        # fixed: return self.out(states[:, -1]).squeeze(1)


def make(n):
    slope = 0.2 * torch.randn(n, 1)
    day = torch.arange(DAYS).float()[None]
    start = torch.randn(n, 1)
    series = start + slope * day + 0.3 * torch.randn(n, DAYS)
    return series[:, :, None] / 1.6, (slope[:, 0] > 0).float()


x, y = make(900)
train_loader = DataLoader(TensorDataset(x[:700], y[:700]), batch_size=28, shuffle=True)
val_loader = DataLoader(TensorDataset(x[700:], y[700:]), batch_size=200)
model = Hens()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def score():
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        return ((model(a) > 0).float() == b).float().mean().item()


def train():
    for epoch in range(7):
        model.train()
        for grams, gain in train_loader:
            optimizer.zero_grad()
            loss_fn(model(grams), gain).backward()
            optimizer.step()
    print("val accuracy", round(score(), 3))


if __name__ == "__main__":
    train()
