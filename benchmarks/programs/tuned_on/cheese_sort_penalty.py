"""Six sorts of cheese from near-infrared spectra, with an L2 penalty of our own.

code: ND607
also:
object: LAMBDA | penalty | l2 | batch_loss
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

g = torch.Generator().manual_seed(64)
torch.manual_seed(64)
SORTS, BANDS = 6, 40
peaks = torch.randn(SORTS, BANDS, generator=g).cumsum(1)
peaks = (peaks - peaks.mean(1, keepdim=True)) / peaks.std(1, keepdim=True)


def measure(n):
    sort = torch.randint(0, SORTS, (n,), generator=g)
    bright = 1 + 0.2 * torch.randn(n, 1, generator=g)
    return bright * peaks[sort] + 0.7 * torch.randn(n, BANDS, generator=g), sort


xt, yt = measure(720)
xv, yv = measure(240)
mu, sd = xt.mean(0), xt.std(0)
train_loader = DataLoader(TensorDataset((xt - mu) / sd, yt), batch_size=36, shuffle=True)
val_loader = DataLoader(TensorDataset((xv - mu) / sd, yv), batch_size=120)
model = nn.Sequential(nn.Linear(BANDS, 32), nn.ReLU(), nn.Linear(32, SORTS))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
LAMBDA = 1.0  # fault
# fixed: LAMBDA = 1e-4


def l2():
    return sum(p.pow(2).sum() for p in model.parameters())


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    x, y = batch
    return loss_fn(model(x), y) + LAMBDA * l2()  # here


def train():
    for epoch in range(12):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        out = torch.cat([model(x) for x, _ in val_loader])
    print(f"val ce {loss_fn(out, yv).item():.3f} acc {(out.argmax(1) == yv).float().mean().item():.3f}")


if __name__ == "__main__":
    train()
