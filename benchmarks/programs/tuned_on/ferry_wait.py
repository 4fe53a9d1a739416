"""Waiting time at a ferry terminal: the 10, 50 and 90 per cent quantiles.

code: ND405
also:
object: pinball | gap | loss_fn
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(203)
Q = torch.tensor([0.1, 0.5, 0.9])


def arrivals(n):
    x = torch.randn(n, 5)
    wait = 0.8 * x[:, 0] - 0.5 * x[:, 1] + torch.exp(0.4 * x[:, 2] - 1.2) * (torch.distributions.Exponential(1.0).sample((n,)) - 1)
    return TensorDataset(x, wait[:, None])


def pinball(pred, wait):
    gap = pred - wait  # fault
    # fixed: gap = wait - pred
    return torch.maximum(Q * gap, (Q - 1) * gap).mean()  # here


model = nn.Sequential(nn.Linear(5, 40), nn.GELU(), nn.Linear(40, 40), nn.GELU(), nn.Linear(40, 3))
loss_fn = pinball  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train_loader = DataLoader(arrivals(1600), batch_size=64, shuffle=True)
val_loader = DataLoader(arrivals(400), batch_size=200)


def coverage():
    with torch.no_grad():
        below = torch.cat([(y <= model(x)).float() for x, y in val_loader])
    return [round(v, 2) for v in below.mean(0).tolist()]


def train():
    for epoch in range(10):
        model.train()
        for x, wait in train_loader:
            loss = loss_fn(model(x), wait)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        print(epoch, loss.item(), "share below", coverage())
    return loss.item()


if __name__ == "__main__":
    print(train())
