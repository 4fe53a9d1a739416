"""Recognise five states of a wind turbine from short vibration series with a small 1-d CNN.

code: ND705
also: ND606 | ND605
object: scheduler | gamma | StepLR | step_size
seen: watch
"""
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Setup:
    lr: float = 3e-3
    epochs: int = 7
    step_size: int = 6  # fault
    # fixed: step_size: int = 120
    gamma: float = 0.5


setup = Setup()
torch.manual_seed(29)
t = torch.arange(32) / 32
state = torch.randint(0, 5, (1600,))
freq = torch.tensor([3.0, 4.0, 5.0, 6.0, 7.0])[state].unsqueeze(1)
wave = torch.sin(2 * math.pi * (freq * t + torch.rand(1600, 1))) + 0.5 * torch.randn(1600, 32)
wave = wave.unsqueeze(1)
train_loader = DataLoader(TensorDataset(wave[:1300], state[:1300]), batch_size=26, shuffle=True)
val_loader = DataLoader(TensorDataset(wave[1300:], state[1300:]), batch_size=300)

model = nn.Sequential(
    nn.Conv1d(1, 8, 9, padding=4), nn.ReLU(), nn.Conv1d(8, 16, 9, padding=4), nn.ReLU(),
    nn.AdaptiveAvgPool1d(6), nn.Flatten(), nn.Linear(96, 5),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=setup.lr)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, setup.step_size, setup.gamma)  # here


def train():
    for epoch in range(setup.epochs):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
            scheduler.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("validation accuracy", hits / 300)


if __name__ == "__main__":
    train()
