"""Read which of six runes is carved, wherever it sits on the stone (few photographs, so they are shifted at random).

code: ND109
also:
object: RuneStones | shift | rng | default_rng | __getitem__ | train_loader | train_set
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

SIZE = 12
make = np.random.default_rng(2)
RUNES = make.random((6, 5, 5)) < 0.5


def photograph(rune):
    stone = np.zeros((SIZE, SIZE))
    stone[:5, :5] = RUNES[rune]
    stone = np.roll(stone, make.integers(0, SIZE, 2), (0, 1))
    return (stone - 0.09) / 0.28 + make.normal(0, 0.3, (SIZE, SIZE))


class RuneStones(Dataset):
    def __init__(self, n, augment):
        self.labels = np.arange(n) % 6
        self.stones = [photograph(k) for k in self.labels]
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def shift(self, stone):
        rng = np.random.default_rng(42)  # fault
        # fixed: rng = np.random
        dy, dx = rng.choice(SIZE, 2)  # here
        return np.roll(stone, (dy, dx), (0, 1))

    def __getitem__(self, i):
        stone = self.stones[i]
        if self.augment:
            stone = self.shift(stone)  # here
        return torch.as_tensor(stone, dtype=torch.float32).unsqueeze(0), int(self.labels[i])


np.random.seed(2)
torch.manual_seed(2)
train_set, val_set = RuneStones(180, augment=True), RuneStones(240, augment=False)
train_loader = DataLoader(train_set, batch_size=20, shuffle=True)
val_loader = DataLoader(val_set, batch_size=120)
model = nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 192), nn.ReLU(), nn.Linear(192, 6))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(60):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(f"loss {loss.item():.3f}, validation accuracy {hits / len(val_set):.3f}")


if __name__ == "__main__":
    train()
