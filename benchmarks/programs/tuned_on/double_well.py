"""Surrogate of a two-dimensional double-well potential, for a sampler to use.

code: ND704
also: ND705
object: model | hidden | history | Surrogate | layers
seen: watch
"""
import argparse
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--hidden", type=int, default=2)  # fault
# fixed: parser.add_argument("--hidden", type=int, default=48)
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--lr", type=float, default=1e-2)
args = parser.parse_args([])


def potential(q):
    x, y = q.unbind(1)
    return (x ** 2 - 1) ** 2 + 0.5 * (y - 0.5 * torch.sin(math.pi * x)) ** 2


class Surrogate(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, q):
        return self.layers(q).squeeze(-1)


torch.manual_seed(0)
q = torch.rand(1200, 2) * 3 - 1.5
u = potential(q)
u = (u - u[:960].mean()) / u[:960].std()
train_loader = DataLoader(TensorDataset(q[:960], u[:960]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(q[960:], u[960:]), batch_size=240)
model = Surrogate(args.hidden)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
history = []


def train():
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for qb, ub in train_loader:
            loss = loss_fn(model(qb), ub)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            val = loss_fn(model(q[960:]), u[960:]).item()
        history.append((total, val))  # here
        print(f"epoch {epoch:2d} mse {total:.4f} val {val:.4f}")
    return history[-1][0]


if __name__ == "__main__":
    print(train())
