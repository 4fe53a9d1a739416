"""Tide gauge forecasting with a stateful LSTM: 16 gauges are read side by side, chunk after chunk, and the state is carried on.

code: none
trait: the training loader is never shuffled, on purpose: truncated back-propagation through time over contiguous chunks with a carried, detached state
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

GAUGES, CHUNK = 16, 24


def record(hours, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(hours)
    phase = torch.rand(GAUGES, 3, 1, generator=g) * 2 * math.pi
    level = sum(a * torch.sin(2 * math.pi * t / p + phase[:, k]) for k, (a, p) in enumerate([(1.0, 12.42), (0.5, 12.0), (0.4, 25.82)]))
    level = level + 0.08 * torch.randn(GAUGES, hours, generator=g)
    return level / 0.85


class Chunks(Dataset):
    """item k is the k-th day of all gauges, so batch_size=None keeps the order of time"""

    def __init__(self, level):
        self.level = level

    def __len__(self):
        return (self.level.shape[1] - 1) // CHUNK

    def __getitem__(self, k):
        if not 0 <= k < len(self):
            raise IndexError(k)
        a = k * CHUNK
        return self.level[:, a:a + CHUNK, None], self.level[:, a + 1:a + CHUNK + 1, None]


class StatefulLSTM(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)
        self.state = None

    def reset(self):
        self.state = None

    def forward(self, x):
        h, state = self.lstm(x, self.state)
        self.state = tuple(s.detach() for s in state)
        return x + self.out(h)


torch.manual_seed(0)
train_loader = DataLoader(Chunks(record(24 * 40 + 1, 1)), batch_size=None, shuffle=False)
val_loader = DataLoader(Chunks(record(24 * 10 + 1, 2)), batch_size=None, shuffle=False)
model = StatefulLSTM()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(6):
        model.reset()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval(); model.reset()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        model.train()
        print(epoch, round(sum(losses) / len(losses), 4), round(val, 4))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
