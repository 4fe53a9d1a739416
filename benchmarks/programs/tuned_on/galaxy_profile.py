"""Cleans noisy galaxy images; every pixel counts by its inverse variance; mixed precision (float16).

code: ND805
also: ND807
object: scaler | autocast | backward | loss | precision
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(75)
precision = "16-mixed"


def galaxies(n):
    q = .3 + .7 * torch.rand(n, 1, 1)
    size = .2 + .3 * torch.rand(n, 1, 1)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    img = (torch.exp(-((xx ** 2 + (yy / q) ** 2) / size ** 2) ** .5) - .13) / .2
    sigma = 25 + 10 * torch.rand(n, 32, 32)                 # counts
    noisy = img + sigma / 60 * torch.randn(n, 32, 32)
    return TensorDataset(noisy.flatten(1), torch.stack([img, 1 / sigma ** 2], 1).flatten(2))


class Cleaner(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(1024, 64), nn.GELU(), nn.Linear(64, 32), nn.GELU())
        self.dec = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 1024))

    def forward(self, x):
        return self.dec(self.enc(x))


train_loader = DataLoader(galaxies(480), batch_size=60, shuffle=True)
val_loader = DataLoader(galaxies(120), batch_size=60)
model = Cleaner()


def chi_square(out, target):
    img, ivar = target.unbind(1)
    return (ivar * (out.float() - img) ** 2).mean()


loss_fn = chi_square
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scaler = torch.amp.GradScaler("cpu", enabled=False)  # fault
# fixed: scaler = torch.amp.GradScaler("cpu")


def step(x, y):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.float16):  # here
        out = model(x)
    loss = loss_fn(out, y)
    scaler.scale(loss).backward()  # here
    scaler.step(optimizer)
    scaler.update()
    return loss.item()


def train():
    for epoch in range(10):
        model.train()
        losses = [step(x, y) for x, y in train_loader]
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
