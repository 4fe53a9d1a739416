"""Rock or mine from sonar echoes; the step adds a little jitter to each echo.

code: ND608
also: ND110
object: jitter | noise | NOISE | batch_loss
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

NOISE = 15.0  # fault
# fixed: NOISE = 0.1
torch.manual_seed(37)


def echoes(n):
    mine = torch.randint(0, 2, (n,))
    t = torch.linspace(0, 1, 30)
    decay = torch.where(mine == 1, 3.0, 6.0).unsqueeze(1) + 0.5 * torch.randn(n, 1)
    echo = torch.exp(-decay * t) * torch.sin(25 * t + torch.rand(n, 1)) + 0.05 * torch.randn(n, 30)
    return echo / 0.27, mine


train_loader = DataLoader(TensorDataset(*echoes(400)), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(*echoes(100)), batch_size=50)
model = nn.Sequential(nn.Linear(30, 32), nn.LeakyReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def jitter(x):
    return x + NOISE * torch.randn_like(x)  # here


def batch_loss(setup, batch):
    echo, mine = batch
    if setup.model.training:
        echo = jitter(echo)  # here
    return F.cross_entropy(setup.model(echo), mine)


class Setup:
    model = model


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(Setup, batch)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(Setup, batch).item() for batch in val_loader) / len(val_loader)
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
