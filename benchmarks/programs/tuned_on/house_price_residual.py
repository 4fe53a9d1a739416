"""Prices from eight standardised columns through a deep residual table network.

code: ND503
also: ND202, ND406
object: blocks | blocks.0 | Block | stem
seen: both
"""
from functools import reduce

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

DEPTH = 24


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.up, self.down = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)
        for layer in (self.up, self.down):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        return x + self.down(F.relu(self.up(x)))  # fault
        # fixed: return x + self.down(F.relu(self.up(F.layer_norm(x, x.shape[-1:])))) / DEPTH


class PriceNet(nn.Module):
    def __init__(self, columns=8, d=24):
        super().__init__()
        self.stem = nn.Linear(columns, d)
        self.blocks = nn.ModuleList(Block(d) for _ in range(DEPTH))  # here
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        return self.out(reduce(lambda h, block: block(h), self.blocks, self.stem(x))).squeeze(-1)  # here


torch.manual_seed(17)
X = torch.randn(600, 8)
price = 1.5 * X[:, 0] - X[:, 1] * X[:, 2] + X[:, 3].clamp(min=0) + 0.1 * torch.randn(600)
price = (price - price[:480].mean()) / price[:480].std()
train_loader = DataLoader(TensorDataset(X[:480], price[:480]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X[480:], price[480:]), batch_size=60)
model = PriceNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


@torch.no_grad()
def validate():
    model.eval()
    error = sum(((model(x) - y) ** 2).sum().item() for x, y in val_loader)
    model.train()
    return error / len(val_loader.dataset)


def train():
    model.train()
    for epoch in range(8):
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        validate()
    return total / len(train_loader.dataset)


if __name__ == "__main__":
    print(train())
