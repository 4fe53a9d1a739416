"""
Heartbeat classes (N, S, V, F) from one-lead ECG windows. 1d conv net, MIT-BIH like proportions.

code: ND107
also:
object: train_loader | loss_fn | sampler | train_ds
seen: checkup
"""
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

g = torch.Generator().manual_seed(3)
NAMES = ["N", "S", "V", "F"]


def beat(kind, n):
    t = torch.linspace(-1, 1, 96)[None]
    jitter = 0.05 * torch.randn(n, 1, generator=g)
    width = {0: 0.05, 1: 0.05, 2: 0.15, 3: 0.10}[kind]
    p_wave = {0: 0.25, 1: 0.0, 2: 0.0, 3: 0.15}[kind]
    r = torch.exp(-((t - jitter) / width) ** 2)
    p = p_wave * torch.exp(-((t - jitter + 0.4) / 0.08) ** 2)
    tw = 0.3 * torch.exp(-((t - jitter - 0.5) / 0.14) ** 2) * (-1 if kind == 2 else 1)
    return r + p + tw + 0.12 * torch.randn(n, 96, generator=g)


def record(counts):
    xs, ys = [], []
    for kind, n in enumerate(counts):
        xs.append(beat(kind, n))
        ys.append(torch.full((n,), kind))
    x, y = torch.cat(xs), torch.cat(ys)
    x = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)
    return x[:, None], y


train_ds = TensorDataset(*record([1510, 34, 28, 8]))  # here
val_ds = TensorDataset(*record([302, 7, 6, 2]))

labels = train_ds.tensors[1]
per_beat = 1.0 / torch.bincount(labels, minlength=4).float()[labels]
sampler = WeightedRandomSampler(per_beat, len(labels), replacement=True)
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)  # fault
# fixed: train_loader = DataLoader(train_ds, batch_size=64, sampler=sampler)
val_loader = DataLoader(val_ds, batch_size=128)


class BeatNet(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.a = nn.Conv1d(1, 12, 9, stride=2, padding=4)
        self.b = nn.Conv1d(12, 24, 7, stride=2, padding=3)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(24, classes)

    def forward(self, x):
        x = F.relu(self.a(x))
        x = F.relu(self.b(x))
        return self.head(self.drop(x.amax(-1)))


torch.manual_seed(0)
model = BeatNet()
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def balanced_accuracy():
    model.eval()
    hits, seen = torch.zeros(4), torch.zeros(4)
    with torch.no_grad():
        for x, y in val_loader:
            ok = model(x).argmax(1) == y
            hits += torch.bincount(y[ok], minlength=4)
            seen += torch.bincount(y, minlength=4)
    model.train()
    return (hits / seen).mean().item()


def train():
    losses = []
    for epoch in range(5):
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    print("balanced accuracy", round(balanced_accuracy(), 3))
    return sum(losses[-20:]) / 20


if __name__ == "__main__":
    print(train())
