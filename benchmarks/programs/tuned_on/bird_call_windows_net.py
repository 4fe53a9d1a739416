"""Whose call? Random windows cut out of long recordings, four species, a small dense net.

code: ND109
also:
object: CallWindows | lru_cache | window | __getitem__ | cache
seen: both
"""
from functools import lru_cache

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(40)
np.random.seed(40)
LONG, WINDOW = 400, 64
FREQ = [0.25, 0.33, 0.41, 0.49]


def recording(species):
    t = np.arange(LONG)
    tone = np.sin(FREQ[species] * t + np.random.rand() * 6)
    return (tone + np.random.normal(0, 1.4, LONG)).astype(np.float32)


class CallWindows(Dataset):
    def __init__(self, per_species):
        self.kind = np.repeat(np.arange(4), per_species)
        self.tape = [recording(k) for k in self.kind]

    def __len__(self):
        return len(self.kind)

    @lru_cache(maxsize=None)  # fault
    # fixed:
    def window(self, i):
        start = np.random.randint(0, LONG - WINDOW)
        return self.tape[i][start:start + WINDOW].copy()

    def __getitem__(self, i):
        return torch.from_numpy(self.window(i)), int(self.kind[i])


class CallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.filters = nn.Linear(WINDOW, 128)
        self.mix = nn.Linear(128, 64)
        self.out = nn.Linear(64, 4)

    def forward(self, x):
        x = torch.relu(self.filters(x))
        return self.out(torch.relu(self.mix(x)))


train_set = CallWindows(20)
val_set = [item for _ in range(2) for item in CallWindows(40)]
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=160)
model = CallNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(80):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(f"val accuracy {ok / 320:.3f}")


if __name__ == "__main__":
    train()
