"""Earthquake or quarry blast? A 1-d conv net listens to seismograms of 96 samples.

code: ND105
also:
object: train_loader | recordings | train_part | dataset
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(30)


def record(n, seed):
    rng = np.random.default_rng(seed)
    blast = rng.integers(0, 2, n)
    t = np.arange(96)
    waves = np.zeros((n, 1, 96), dtype=np.float32)
    for i in range(n):
        onset = rng.integers(10, 25)
        decay = 14 if blast[i] else 30
        pitch = rng.normal(0.55 if blast[i] else 0.45, 0.06)
        body = np.exp(-(t - onset) / decay) * np.sin(pitch * t) * (t >= onset)
        waves[i, 0] = body * rng.uniform(1.5, 3) + rng.normal(0, 0.8, 96)
    return torch.from_numpy(waves), torch.from_numpy(blast).float()[:, None]


recordings = TensorDataset(*record(400, 1))
train_part, val_part = random_split(recordings, [280, 120])
train_loader = DataLoader(recordings, batch_size=20, shuffle=True)  # fault
# fixed: train_loader = DataLoader(train_part, batch_size=20, shuffle=True)
val_loader = DataLoader(val_part, batch_size=60)

model = nn.Sequential(
    nn.Conv1d(1, 16, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2),
    nn.Conv1d(16, 24, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
    nn.Flatten(), nn.Linear(24 * 24, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def score(batches):
    model.eval()
    right = count = 0
    with torch.no_grad():
        for wave, blast in batches:
            right += ((model(wave) > 0).float() == blast).sum().item()
            count += len(blast)
    return right / count


def train():
    for epoch in range(14):
        model.train()
        for wave, blast in train_loader:
            optimizer.zero_grad()
            loss_fn(model(wave), blast).backward()
            optimizer.step()
    print(f"val accuracy {score(val_loader):.3f}, next year's recordings {score([record(500, 2)]):.3f}")


if __name__ == "__main__":
    train()
