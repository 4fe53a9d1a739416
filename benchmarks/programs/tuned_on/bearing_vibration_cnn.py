"""A 1-d convolution that tells a worn bearing from a good one by 128 acceleration samples.

code: ND114
also: ND102
object: signals | recordings | train_loader | scale | train_signals
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(5)


def record(count):
    t = torch.arange(128) / 128
    kind = torch.randint(0, 2, (count,))
    freq = torch.where(kind == 1, 17.0, 9.0) + torch.randn(count)
    phase = torch.rand(count) * 2 * math.pi
    wave = torch.sin(2 * math.pi * freq[:, None] * t + phase[:, None])
    return wave + 0.5 * torch.randn(count, 128), kind


signals, kind = record(600)
glitched = torch.randperm(480)[:4]
signals[glitched] *= 1e6  # amplifier knocked into another range while these were taken # here


class Recordings(Dataset):
    def __init__(self, signals, kind, scale):
        self.signals, self.kind, self.scale = signals, kind, scale

    def __len__(self):
        return len(self.signals)

    def __getitem__(self, i):
        return self.signals[i].unsqueeze(0) / self.scale, self.kind[i]


keep = torch.ones(600, dtype=torch.bool)  # fault
# fixed: keep = signals.abs().amax(1) < 100
keep_train, keep_val = keep[:480], keep[480:]
train_signals, val_signals = signals[:480][keep_train], signals[480:][keep_val]
scale = train_signals.std()  # here
train_loader = DataLoader(Recordings(train_signals, kind[:480][keep_train], scale), batch_size=32, shuffle=True)
val_loader = DataLoader(Recordings(val_signals, kind[480:][keep_val], scale), batch_size=120)


class BearingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 12, 9, padding=4)
        self.conv2 = nn.Conv1d(12, 16, 9, stride=2, padding=4)
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        return self.out(x.mean(2))


model = BearingNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for _ in range(12):
        model.train()
        for wave, label in train_loader:
            optimizer.zero_grad()
            loss_fn(model(wave), label).backward()
            optimizer.step()
    model.eval()
    right = total = 0
    with torch.no_grad():
        for wave, label in val_loader:
            right += (model(wave).argmax(1) == label).sum().item()
            total += len(label)
    print(f"val accuracy {right / total:.3f}")


if __name__ == "__main__":
    train()
