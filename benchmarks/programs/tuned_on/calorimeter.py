"""Energy of a shower from a calorimeter's cells; CNN regressor.

code: ND607
also:
object: optimizer | weight_decay | hparams
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

hparams = {
    "lr": 2e-3,
    "weight_decay": 0.3,  # fault
    # fixed: "weight_decay": 1e-4,
    "width": 12,
}


def showers(n, seed):
    g = torch.Generator().manual_seed(seed)
    e = .5 + 1.5 * torch.rand(n, 1, 1, generator=g)
    r = torch.stack(torch.meshgrid(torch.arange(12.), torch.arange(12.), indexing="ij"))
    c = 5.5 + torch.randn(n, 2, 1, 1, generator=g)
    d = ((r - c) ** 2).sum(1)
    cells = e * torch.exp(-d / 4) + .1 * torch.randn(n, 12, 12, generator=g)
    return TensorDataset(cells.unsqueeze(1) / .3, (e.view(n, 1) - 1.25) / .43)


class ShowerNet(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, w, 3), nn.ReLU(), nn.Conv2d(w, 2 * w, 3, stride=2), nn.ReLU())
        self.energy = nn.Sequential(nn.Flatten(), nn.Linear(2 * w * 16, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, cells):
        return self.energy(self.conv(cells))


torch.manual_seed(54)
train_loader = DataLoader(showers(400, 1), batch_size=40, shuffle=True)
val_loader = DataLoader(showers(100, 2), batch_size=50)
model = ShowerNet(hparams["width"])
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=hparams["lr"], weight_decay=hparams["weight_decay"])  # here


def train():
    for epoch in range(10):
        model.train()
        s = 0.
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(x), y).item() for x, y in val_loader)
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
