"""Melting points of polymers from chain descriptors, two targets, SGD.

code: ND607
also:
object: optimizer | weight_decay | make_optimizer
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

DEFAULTS = {
    "sgd": {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.15},  # fault
    # fixed: "sgd": {"lr": 0.02, "momentum": 0.9, "weight_decay": 5e-4},
    "adam": {"lr": 1e-3},
}


def make_optimizer(net, kind):
    cls = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[kind]
    return cls(net.parameters(), **DEFAULTS[kind])  # here


class Polymers:
    def __init__(self, n=900):
        g = torch.Generator().manual_seed(71)
        self.x = torch.randn(n, 9, generator=g)
        w = torch.randn(9, 2, generator=g) / 3
        y = self.x @ w + 0.5 * torch.sin(2 * self.x[:, :2]) + 0.1 * torch.randn(n, 2, generator=g)
        self.y = (y - y.mean(0)) / y.std(0)

    def splits(self):
        return random_split(TensorDataset(self.x, self.y), [700, 200], torch.Generator().manual_seed(1))


torch.manual_seed(7)
fit_set, test_set = Polymers().splits()
train_loader = DataLoader(fit_set, batch_size=20, shuffle=True)
val_loader = DataLoader(test_set, batch_size=100)
model = nn.Sequential(nn.Linear(9, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2))
loss_fn = nn.MSELoss()
optimizer = make_optimizer(model, "sgd")  # here


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(epoch, round(total / len(train_loader), 4), round(val, 4))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
