"""Sort mushrooms into four kinds by six measurements.

code: ND201
also:
object: reset | constant_ | weight | layer | net
seen: both
"""
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Args:
    hidden: int = 40
    lr: float = 5e-3
    epochs: int = 20


args = Args()
torch.manual_seed(13)
n = 1200
x = torch.randn(n, 6)
# kind = which of four quadrants (cap width, stem length) the mushroom lies in, after a bend
bend = x[:, 1] + 0.5 * x[:, 2] ** 2 - 0.5
y = (x[:, 0] * x[:, 3] > 0).long() + 2 * (bend > 0).long()
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=100)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, args.hidden)
        self.middle = nn.Linear(args.hidden, args.hidden)
        self.out = nn.Linear(args.hidden, 4)

    def forward(self, x):
        return self.out(torch.relu(self.middle(torch.relu(self.hidden(x)))))


def reset(net):
    for layer in (net.hidden, net.middle, net.out):
        nn.init.constant_(layer.weight, 0.1)  # fault
        # fixed: nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return net


model = reset(Net())  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)


def train():
    for epoch in range(args.epochs):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val acc", (model(x[1000:]).argmax(1) == y[1000:]).float().mean().item())


if __name__ == "__main__":
    train()
