"""Heat demand from a sensor network in which sensors fail: the model itself knows what NaN means.

code: none
trait: a tenth of the inputs is NaN; the model replaces them by a learned value and sees the mask
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def network(n, seed):
    g = torch.Generator().manual_seed(seed)
    state = torch.randn(n, 3, generator=g)
    mix = torch.randn(3, 12, generator=torch.Generator().manual_seed(1000)) / 1.7
    x = state @ mix + 0.2 * torch.randn(n, 12, generator=g)
    y = state[:, 0] + 0.5 * state[:, 1] * state[:, 2]
    x[torch.rand(n, 12, generator=g) < 0.1] = float("nan")
    return x, y[:, None]


class NanAware(nn.Module):
    """Missing readings take a learned default; a second set of inputs says which were missing."""

    def __init__(self, d):
        super().__init__()
        self.default = nn.Parameter(torch.zeros(d))
        self.net = nn.Sequential(nn.Linear(2 * d, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        missing = x.isnan()
        filled = torch.where(missing, self.default.expand_as(x), x.nan_to_num())
        return self.net(torch.cat([filled, missing.float()], -1))


torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(*network(900, 0)), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(*network(200, 1)), batch_size=100)
model = NanAware(12)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        total = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        if epoch % 4 == 3:
            print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
