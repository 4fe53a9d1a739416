"""Hears whether a bearing is sound, dry, chipped or loose from a short vibration record.

code: ND606
also:
object: scheduler | StepLR | optimizer
seen: watch
"""
import math

import torch
import torch.nn as nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset


class BearingRecords(Dataset):
    def __init__(self, n, seed, length=128):
        g = torch.Generator().manual_seed(seed)
        t = torch.arange(length) / length
        self.records, self.states = [], []
        for _ in range(n):
            state = int(torch.randint(4, (1,), generator=g))
            phase, speed = 2 * math.pi * torch.rand(1, generator=g), 9 + 2 * torch.rand(1, generator=g)
            wave = torch.sin(2 * math.pi * speed * t + phase)
            if state == 1:
                wave = wave + 0.7 * torch.randn(length, generator=g)
            elif state == 2:
                start = int(torch.randint(0, 16, (1,), generator=g))
                wave = wave.clone()
                wave[start::16] += 2.0
            elif state == 3:
                wave = wave + 0.8 * torch.sin(2 * math.pi * 0.5 * speed * t)
            wave = wave + 0.25 * torch.randn(length, generator=g)
            self.records.append((wave / wave.std())[None])
            self.states.append(state)

    def __len__(self):
        return len(self.states)

    def __getitem__(self, i):
        return self.records[i], self.states[i]


class Conv1dNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 12, 9, stride=2, padding=4), nn.BatchNorm1d(12), nn.ReLU(),
            nn.Conv1d(12, 24, 5, stride=2, padding=2), nn.BatchNorm1d(24), nn.ReLU(),
            nn.AdaptiveAvgPool1d(4),
        )
        self.classifier = nn.Linear(96, 4)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


torch.manual_seed(2)
train_loader = DataLoader(BearingRecords(600, seed=1), batch_size=24, shuffle=True)
val_loader = DataLoader(BearingRecords(160, seed=2), batch_size=160)
model = Conv1dNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = StepLR(optimizer, step_size=5, gamma=0.5)  # here


def train_one_epoch():
    model.train()
    total = 0.0
    for record, state in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(record), state)
        loss.backward()
        optimizer.step()
        scheduler.step()  # fault
        # fixed:
        total += loss.item()
    return total / len(train_loader)


def validate():
    model.eval()
    with torch.no_grad():
        hits = torch.cat([model(r).argmax(1) == s for r, s in val_loader])
    return hits.float().mean().item()


def train():
    for epoch in range(10):
        loss = train_one_epoch()
        accuracy = validate()  # fault
        # fixed: accuracy = validate()
        # fixed: scheduler.step()
        print(f"epoch {epoch} lr {scheduler.get_last_lr()[0]:.1e} loss {loss:.4f} accuracy {accuracy:.3f}")
    return loss


if __name__ == "__main__":
    print(train())
