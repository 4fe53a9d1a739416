"""Species of an insect from a short recording of its wingbeat, trained with flooding as regulariser.

code: ND705
also: ND405 | ND704
object: flood | FLOOD | batch_loss | abs
seen: watch
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

FLOOD = 1.0  # fault
# fixed: FLOOD = 0.01
torch.manual_seed(9)
pitches = torch.tensor([3.0, 4.5, 6.0, 8.0, 10.5])


def record(n, samples=64):
    species = torch.randint(0, len(pitches), (n,))
    t = torch.linspace(0, 1, samples)
    pitch = pitches[species] * (1 + 0.04 * torch.randn(n))
    phase = 2 * math.pi * torch.rand(n, 1)
    wave = torch.sin(2 * math.pi * pitch[:, None] * t + phase) + 0.3 * torch.randn(n, samples)
    return TensorDataset(wave[:, None, :] / 0.77, species)


class WingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, 16, 15, padding=7), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 32, 7, padding=3), nn.ReLU(), nn.AdaptiveAvgPool1d(4))
        self.head = nn.Linear(128, len(pitches))

    def forward(self, wave):
        return self.head(self.body(wave).flatten(1))


train_loader = DataLoader(record(1000), batch_size=50, shuffle=True)
val_loader = DataLoader(record(250), batch_size=125)
model = WingNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    wave, species = batch
    loss = loss_fn(setup.model(wave), species)
    return (loss - FLOOD).abs() + FLOOD  # here


class Here:
    model = model


def train():
    history = []
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            loss = batch_loss(Here, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(w), s).item() for w, s in val_loader) / len(val_loader)
    print("last losses", history[-2:], "validation", val)


if __name__ == "__main__":
    train()
