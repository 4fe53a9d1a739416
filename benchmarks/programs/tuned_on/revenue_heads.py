"""Three forecasts for every shop from one trunk: rating, returns in percent, weekly revenue.

code: ND112
also:
object: targets | revenue | Y | train_loader | heads
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(12)
n, d = 900, 9
X = rng.standard_normal((n, d)).astype(np.float32)
W = rng.standard_normal((d, 3)) / 3
S = np.tanh(X @ W) + 0.5 * X @ W + 0.05 * rng.standard_normal((n, 3))
Y = np.stack([S[:, 0], S[:, 1], 18000 + 5500 * S[:, 2]], 1)
names = ["rating", "returns", "revenue"]

idx = rng.permutation(n)
tr, va = idx[:700], idx[700:]
scale = np.array([1.0, 1.0, 1.0])  # fault
# fixed: scale = Y[tr].std(0)
shift = np.array([0.0, 0.0, 0.0])  # fault
# fixed: shift = Y[tr].mean(0)
Y = ((Y - shift) / scale).astype(np.float32)  # here

train_loader = DataLoader(TensorDataset(torch.from_numpy(X[tr]), torch.from_numpy(Y[tr])), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(torch.from_numpy(X[va]), torch.from_numpy(Y[va])), batch_size=200)


class ShopModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(d, 40), nn.Mish(), nn.Linear(40, 40), nn.Mish())
        self.heads = nn.ModuleDict({k: nn.Linear(40, 1) for k in names})

    def forward(self, x):
        h = self.trunk(x)
        return torch.cat([self.heads[k](h) for k in names], -1)


def loss_fn(out, y):
    return sum((out[:, k] - y[:, k]).pow(2).mean() for k in range(3)) / 3  # here


torch.manual_seed(12)
model = ShopModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def r2():
    model.eval()
    with torch.no_grad():
        (x, y), = val_loader
        return (1 - (model(x) - y).pow(2).mean(0) / y.var(0)).tolist()


def train():
    for epoch in range(20):
        model.train()
        tot = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            tot += loss.item()
        if epoch % 5 == 4:
            print(epoch, dict(zip(names, np.round(r2(), 3))))
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
