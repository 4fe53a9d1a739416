"""Learns the parity of a checksum byte; eight-bit wrap-around is the subject itself.

code: none
trait: uint8 sums wrap round on purpose: a checksum is defined modulo 256, the inputs are bits
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(92)
torch.manual_seed(92)


class Frames(Dataset):
    """Two bytes; the target is the top bit of their eight-bit sum."""

    def __init__(self, n):
        raw = rng.integers(0, 256, (n, 2), dtype=np.uint8)
        check = raw[:, 0] + raw[:, 1]
        self.bits = np.unpackbits(raw, axis=1).astype(np.float32) * 2 - 1
        self.top = (check >> 7).astype(np.float32)

    def __len__(self):
        return len(self.top)

    def __getitem__(self, i):
        return self.bits[i], self.top[i]


class Adder(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(16, 64), nn.Linear(64, 32), nn.Linear(32, 1)

    def forward(self, x):
        return self.c(torch.relu(self.b(torch.relu(self.a(x))))).squeeze(-1)


train_loader = DataLoader(Frames(2500), batch_size=50, shuffle=True)
val_loader = DataLoader(Frames(500), batch_size=500)
model = Adder()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(15):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val accuracy %.3f" % ((model(x) > 0) == y.bool()).float().mean().item())


if __name__ == "__main__":
    train()
