"""Volume of a parcel from three camera silhouettes; the report is a root mean square error.

code: ND708
also:
object: report | rmse | metric | val_loader
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def parcels(n, seed):
    g = torch.Generator().manual_seed(seed)
    side = .3 + .6 * torch.rand(n, 3, generator=g)
    r = torch.linspace(0, 1, 10)
    views = []
    for a, b in ((0, 1), (1, 2), (0, 2)):
        views.append(((r[None, :, None] < side[:, a, None, None]) & (r[None, None] < side[:, b, None, None])).float())
    x = torch.stack(views, 1) + .2 * torch.randn(n, 3, 10, 10, generator=g)
    v = side.prod(1, keepdim=True)
    return (x - .36) / .52, (v - .216) / .13


class Volume(nn.Module):
    def __init__(self):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(100, 32), nn.ReLU())
        self.all = nn.Sequential(nn.Linear(96, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.all(self.each(x.flatten(2)).flatten(1))


torch.manual_seed(71)
vx, vy = parcels(131, 2)
order = vy[:, 0].argsort()                 # small parcels first: the report is printed in that order
train_loader = DataLoader(TensorDataset(*parcels(512, 1)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(vx[order], vy[order]), batch_size=64)
model, loss_fn = Volume(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def report(net):
    net.eval()
    parts = []
    with torch.no_grad():
        for x, y in val_loader:
            parts.append(loss_fn(net(x), y).sqrt().item())  # fault
            # fixed: parts += ((net(x) - y) ** 2).flatten().tolist()
    net.train()
    return sum(parts) / len(parts)  # fault
    # fixed: return (sum(parts) / len(parts)) ** .5


def train():
    history = []
    for epoch in range(8):
        total = 0.
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        history.append(report(model))  # here
    train.rmse = history[-1]
    return total / len(train_loader)


if __name__ == "__main__":
    print(train(), train.rmse)
