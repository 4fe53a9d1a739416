"""Loaves sold per day from weather, weekday and price.

code: ND606
also: ND605
object: scheduler | step | ExponentialLR
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(101)
n = 1200
temp = torch.randn(n)
weekday = torch.randint(0, 7, (n,))
price = torch.rand(n) * 2 - 1
sold = 1.2 * torch.cos(weekday * 0.9) - temp * price + 0.5 * torch.tanh(2 * temp) + 0.1 * torch.randn(n)
x = torch.cat([temp[:, None], price[:, None] / 0.58, nn.functional.one_hot(weekday, 7).float()], 1)
y = ((sold - sold.mean()) / sold.std())[:, None]
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=100)

model = nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)


def train_one_epoch():
    model.train()
    for a, b in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(a), b)
        loss.backward()
        optimizer.step()
        scheduler.step()  # fault
        # fixed:
    last = loss.item()  # fault
    # fixed: scheduler.step()
    # fixed: last = loss.item()
    return last


@torch.no_grad()
def validate():
    model.eval()
    return sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)


def train():
    for epoch in range(12):
        train_one_epoch()
    print(f"val {validate():.3f} lr {optimizer.param_groups[0]['lr']:.1e}")


if __name__ == "__main__":
    train()
