"""Which seal is calling? A stack of one-dimensional convolutions on short sound pieces.

code: ND203
also: ND601
object: stages | SealNet | tuple
seen: both
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(88)


def calls(n):
    seal = torch.arange(n) % 6
    time = torch.linspace(0, 1, 48)
    pitch = (3 + 1.6 * seal.view(-1, 1)) + 0.3 * torch.randn(n, 1)
    sound = torch.sin(2 * math.pi * (pitch * time + torch.rand(n, 1)))
    return TensorDataset(((sound + 0.8 * torch.randn(n, 48)) / 1.07).unsqueeze(1), seal)


train_loader = DataLoader(calls(900), batch_size=45, shuffle=True)
val_loader = DataLoader(calls(300), batch_size=100)


class SealNet(nn.Module):
    def __init__(self, plan=((1, 8), (8, 8), (8, 8))):
        super().__init__()
        self.stages = tuple(nn.Conv1d(a, b, 5, padding=2) for a, b in plan)  # fault
        # fixed: self.stages = nn.ModuleList(nn.Conv1d(a, b, 5, padding=2) for a, b in plan)
        self.last = nn.Linear(8, 6)

    def forward(self, sound):
        for stage in self.stages:
            sound = F.relu(stage(sound))
        return self.last(sound.mean(-1))


model = SealNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)


def train():
    for epoch in range(15):
        model.train()
        for sound, seal in train_loader:
            optimizer.zero_grad()
            loss_fn(model(sound), seal).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(s).argmax(1) == y).sum().item() for s, y in val_loader)
    print("val accuracy", right / 300)


if __name__ == "__main__":
    train()
