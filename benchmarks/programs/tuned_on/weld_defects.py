"""Weld seams: defects are rare in the archive, a weighted sampler evens the batches out.

code: none
trait: 20 to 1 imbalance, compensated by a WeightedRandomSampler; validation keeps the true rates
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler


class Seams(Dataset):
    def __init__(self, counts, seed):
        r = np.random.default_rng(seed)
        self.kind = r.permutation(np.repeat([0, 1, 2], counts))
        t = np.linspace(0, 1, 64)
        waves = []
        for k in self.kind:
            w = 0.6 * np.sin(2 * np.pi * 3 * t + r.uniform(0, 6)) + 0.3 * r.normal(size=64)
            place = r.integers(8, 50)
            if k == 1:
                w[place:place + 8] += 1.8
            elif k == 2:
                w[place:place + 8] -= 1.8
            waves.append(w)
        self.wave = torch.tensor(np.stack(waves), dtype=torch.float32)[:, None] / 0.6

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return self.wave[i], int(self.kind[i])


torch.manual_seed(92)
train_set, val_set = Seams([1200, 80, 60], 1), Seams([300, 30, 25], 2)
per_class = np.bincount(train_set.kind)
sampler = WeightedRandomSampler(torch.tensor(1.0 / per_class[train_set.kind]), num_samples=len(train_set), replacement=True)
train_loader = DataLoader(train_set, batch_size=40, sampler=sampler)
val_loader = DataLoader(val_set, batch_size=71)

model = nn.Sequential(
    nn.Conv1d(1, 16, 9, padding=4), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(4),
    nn.Conv1d(16, 24, 5, padding=2), nn.BatchNorm1d(24), nn.ReLU(), nn.AdaptiveMaxPool1d(1),
    nn.Flatten(), nn.Linear(24, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)


def recalls():
    model.eval()
    with torch.no_grad():
        guess = torch.cat([model(x).argmax(1) for x, _ in val_loader]).numpy()
    return [round(float((guess[val_set.kind == k] == k).mean()), 3) for k in range(3)]


def train():
    for epoch in range(4):
        model.train()
        total = 0.0
        for wave, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(wave), kind)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(epoch, total / len(train_loader), recalls())
    return total / len(train_loader)


if __name__ == "__main__":
    train()
