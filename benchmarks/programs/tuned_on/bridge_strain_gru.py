"""Lorry, bus or train on the bridge? A GRU listens to one strain gauge.

code: ND102
also:
object: StrainRecords | strain | records | train_loader
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(31)
STEPS = 30


class StrainRecords(Dataset):
    """One crossing each: strain in metres per metre, 30 readings."""

    def __init__(self, n):
        t = torch.linspace(0, 1, STEPS)
        self.kind = torch.randint(0, 3, (n,))
        bumps = torch.tensor([1.0, 2.0, 4.0])[self.kind].unsqueeze(1)
        phase = torch.rand(n, 1) * math.pi
        size = 1 + 0.3 * torch.rand(n, 1)
        wave = size * torch.sin(2 * math.pi * bumps * t + phase)
        self.strain = 1e-6 * (wave + 0.15 * torch.randn(n, STEPS))

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        record = self.strain[i].unsqueeze(-1)  # fault
        # fixed: record = self.strain[i].unsqueeze(-1) * 1e6
        return record, self.kind[i]


class Listener(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 20, batch_first=True)
        self.head = nn.Linear(20, 3)

    def forward(self, x):
        _, h = self.gru(x)
        return self.head(h[-1])


train_loader = DataLoader(StrainRecords(600), batch_size=30, shuffle=True)
val_loader = DataLoader(StrainRecords(150), batch_size=150)
model = Listener()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(10):
        model.train()
        for records, kinds in train_loader:
            loss = loss_fn(model(records), kinds)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val accuracy %.3f" % (model(x).argmax(1) == y).float().mean().item())


if __name__ == "__main__":
    train()
