"""Remaining life of pumps: a residual MLP.

code: ND203
also: ND601
object: blocks | ResMLP.blocks
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

gen = np.random.default_rng(3)
torch.manual_seed(3)

signals = gen.normal(size=(1600, 10)).astype("float32")
life = np.sin(1.5 * signals[:, 0]) * signals[:, 1] + np.maximum(signals[:, 2], 0) * signals[:, 3] + 0.1 * gen.normal(size=1600)
life = ((life - life[:1300].mean()) / life[:1300].std()).astype("float32")[:, None]


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, h):
        return h + self.down(torch.nn.functional.gelu(self.up(self.norm(h))))


class ResMLP(nn.Module):
    def __init__(self, d, width=32, depth=3):
        super().__init__()
        self.stem = nn.Linear(d, width)
        self.blocks = [Block(width) for _ in range(depth)]  # fault
        # fixed: self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        h = self.stem(x)
        for block in self.blocks:  # here
            h = block(h)
        return self.out(h)


train_loader = DataLoader(TensorDataset(torch.tensor(signals[:1300]), torch.tensor(life[:1300])), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.tensor(signals[1300:]), torch.tensor(life[1300:])), batch_size=100)
model = ResMLP(10)
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)  # here


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
        print(f"{epoch}: {total:.4f} {val:.4f}")
    return total


if __name__ == "__main__":
    train()
