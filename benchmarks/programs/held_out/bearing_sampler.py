"""Bearing damage from vibration spectra; a sampler draws the training windows.

code: ND107
also:
object: sampler | window_weights | weights | train_loader
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

torch.manual_seed(56)
DAMAGE = ["none", "inner ring", "outer ring", "cage"]


class Spectra(Dataset):
    def __init__(self, counts, seed):
        r = np.random.default_rng(seed)
        self.damage = np.repeat(np.arange(4), counts)
        bins = np.arange(48)
        peaks = {0: [], 1: [12, 24], 2: [17, 34], 3: [7]}
        rows = []
        for d in self.damage:
            row = 0.5 * r.normal(size=48) + 1.5 * np.exp(-((bins - 4) / 2) ** 2)
            for p in peaks[int(d)]:
                row += r.uniform(0.5, 1.3) * np.exp(-((bins - p) / 1.5) ** 2)
            rows.append(row)
        self.x = torch.tensor((np.stack(rows) - 0.18) / 0.66, dtype=torch.float32)

    def __len__(self):
        return len(self.damage)

    def __getitem__(self, i):
        return self.x[i], int(self.damage[i])


train_set, val_set = Spectra([1000, 120, 100, 80], 1), Spectra([60, 60, 60, 60], 2)
counts = torch.tensor(np.bincount(train_set.damage), dtype=torch.double)
window_weights = counts[train_set.damage]  # fault
# fixed: window_weights = 1.0 / counts[train_set.damage]
sampler = WeightedRandomSampler(window_weights, len(train_set))  # here
train_loader = DataLoader(train_set, batch_size=50, sampler=sampler)  # here
val_loader = DataLoader(val_set, batch_size=120)


class SpectrumNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 12, 5, padding=2)
        self.fc1 = nn.Linear(12 * 24, 32)
        self.fc2 = nn.Linear(32, len(DAMAGE))

    def forward(self, x):
        h = nn.functional.max_pool1d(torch.relu(self.conv(x.unsqueeze(1))), 2)
        return self.fc2(torch.relu(self.fc1(h.flatten(1))))


model = SpectrumNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02)


def train():
    for epoch in range(5):
        model.train()
        mean = 0.0
        for x, damage in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), damage)
            loss.backward()
            optimizer.step()
            mean += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == d).sum().item() for x, d in val_loader) / len(val_set)
        print(epoch, mean, acc)
    return mean


if __name__ == "__main__":
    train()
