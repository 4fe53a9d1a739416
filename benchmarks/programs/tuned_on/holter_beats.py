"""Normal or ectopic? 1-D convnet over Holter windows, each window standardised inside the net.

code: ND308
also: ND310
object: normalise | HolterNet | model | std
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def beat(t, ectopic, rng):
    width = 0.09 if ectopic else 0.03
    amp = rng.uniform(0.7, 1.3)
    p_wave = 0.0 if ectopic else 0.2 * np.exp(-(((t + 0.25) / 0.05) ** 2))
    return amp * (np.exp(-((t / width) ** 2)) + p_wave - 0.15 * np.exp(-(((t - 0.12) / 0.05) ** 2)))


class Holter(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        t = np.linspace(-0.5, 0.5, 96)
        self.x = np.zeros((n, 1, 96), dtype=np.float32)
        self.y = rng.integers(0, 2, n)
        for i in range(n):
            wander = np.round(rng.normal(0, 0.5) * 1024) / 1024  # 10-bit offset
            if rng.random() < 0.015:
                self.x[i, 0] = wander  # a loose electrode gives a flat line
                continue
            self.x[i, 0] = beat(t + rng.normal(0, 0.03), self.y[i], rng) + rng.normal(0, 0.05, 96) + wander

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i]), torch.tensor(self.y[i], dtype=torch.float32)


class HolterNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(1, 8, 7, stride=2, padding=3), nn.ReLU(),
            nn.Conv1d(8, 16, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv1d(16, 16, 3, stride=2, padding=1), nn.ReLU(),
        )
        self.fc = nn.Linear(16 * 12, 1)

    def normalise(self, x):
        mean = x.mean(dim=-1, keepdim=True)
        std = x.std(dim=-1, keepdim=True)  # here
        return (x - mean) / std  # fault
        # fixed: return (x - mean) / (std + 1e-5)

    def forward(self, x):
        x = self.normalise(x)  # here
        return self.fc(self.conv(x).flatten(1)).squeeze(1)


torch.manual_seed(8)
train_loader = DataLoader(Holter(640, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Holter(160, 2), batch_size=80)
model = HolterNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        running = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        model.eval()
        with torch.no_grad():
            acc = np.mean([((model(x) > 0).float() == y).float().mean().item() for x, y in val_loader])
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
