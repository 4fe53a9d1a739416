"""Deflection of a beam from load, length and section; the network is compiled.

code: none
trait: torch.compile wraps the module (names start with _orig_mod); the last batch is odd
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)


def beams(n):
    load, span, section = torch.rand(3, n) * 2 - 1
    deflection = torch.log((load + 2) * (span + 2) ** 3 / (section + 2))
    x = torch.stack([load, span, section], 1) / 0.577
    return x, (deflection.unsqueeze(1) - 2.0) / 1.1 + 0.02 * torch.randn(n, 1)


train_loader = DataLoader(TensorDataset(*beams(500)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*beams(130)), batch_size=64)
net = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1))
model = torch.compile(net, backend="eager", dynamic=True)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader) / 130
        print(epoch, total / 500, val)
    return total / 500


if __name__ == "__main__":
    print(train())
