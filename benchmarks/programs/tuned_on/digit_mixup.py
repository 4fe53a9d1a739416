"""Digits with mixup, stochastic depth and a cyclic schedule.

code: none
trait: learning rate starts at exactly 0 and jumps up again at every restart; loss stays far from 0 (mixup); train accuracy below validation
"""
import math
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(13)
CYCLE, WARM = 72, 12


class Drop(nn.Module):
    """Residual branch that is skipped now and then."""

    def __init__(self, d, p):
        super().__init__()
        self.f = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))
        nn.init.zeros_(self.f[-1].weight)
        nn.init.zeros_(self.f[-1].bias)
        self.p = p

    def forward(self, x):
        if not self.training:
            return x + self.f(x)
        stay = (torch.rand(len(x), 1) >= self.p).float() / (1 - self.p)
        return x + stay * self.f(x)


digits = load_digits()
order = torch.randperm(1797)
x = torch.tensor(digits.data, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x = (x - x[:1440].mean()) / x[:1440].std()
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:1440], y[:1440]), batch_size=60, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[1440:], y[1440:]), batch_size=357)
model = nn.Sequential(nn.Linear(64, 48), Drop(48, 0.1), Drop(48, 0.2), nn.LayerNorm(48), nn.Linear(48, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.02)


def cycle(step):
    k = step % CYCLE
    return k / WARM if k < WARM else 0.5 * (1 + math.cos(math.pi * (k - WARM) / (CYCLE - WARM)))


scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, cycle)
beta = torch.distributions.Beta(0.4, 0.4)


def batch_loss(setup, batch):
    a, b = batch
    lam, other = beta.sample(), torch.randperm(len(a))
    out = setup.model(lam * a + (1 - lam) * a[other])
    return lam * loss_fn(out, b) + (1 - lam) * loss_fn(out, b[other])


class Setup:
    pass


def train():
    setup, late = Setup(), []
    setup.model = model
    for epoch in range(9):
        model.train()
        for batch in train_loader:
            loss = batch_loss(setup, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            late.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / 357
        print(epoch, round(sum(late[-24:]) / 24, 3), acc)
    return sum(late[-24:]) / 24


if __name__ == "__main__":
    train()
