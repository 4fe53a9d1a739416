"""Healthy, worn or broken bearing, from a short vibration record.

code: ND202
also: ND502
object: std | normal_ | weight | init_weights | fc | body
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
LENGTH = 40


def records(n):
    t = torch.arange(LENGTH) / LENGTH
    state = torch.randint(0, 3, (n,))
    freq = 2.0 + 2.5 * state[:, None]
    phase = torch.rand(n, 1) * 1.5
    wave = torch.sin(2 * math.pi * freq * t + phase)
    return wave + 0.4 * torch.randn(n, LENGTH), state


class Bearing(nn.Module):
    def __init__(self, width=48, depth=4):
        super().__init__()
        sizes = [LENGTH] + [width] * depth
        self.body = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:]))
        self.head = nn.Linear(width, 3)
        self.apply(self.init_weights)

    @staticmethod
    def init_weights(m):
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, mean=0.0, std=0.001)  # fault
            # fixed: nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)

    def forward(self, x):
        for fc in self.body:
            x = torch.tanh(fc(x))
        return self.head(x)


xs, ys = records(900)
xv, yv = records(300)
train_loader = DataLoader(TensorDataset(xs, ys), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(xv, yv), batch_size=150)
model = Bearing()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train(epochs=10):
    for _ in range(epochs):
        model.train()
        for wave, state in train_loader:
            optimizer.zero_grad()
            loss_fn(model(wave), state).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = [(model(w).argmax(1) == s).float() for w, s in val_loader]
        print("val accuracy", round(torch.cat(hits).mean().item(), 3))


if __name__ == "__main__":
    train()
