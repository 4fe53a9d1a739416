"""Vowels from mel-like spectra of many speakers, 1d conv; speakers are numbered by recording site.

code: ND115
also:
object: held_speakers | val_loader | val_set | speakers
seen: checkup
"""
import random

import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset

VOWELS = {"a": (730, 1090), "e": (530, 1840), "i": (270, 2290), "o": (570, 840), "u": (300, 870)}
N_SPEAKERS = 24
MEL = torch.linspace(100, 4000, 64)


def speaker(number, takes=30):
    """speakers 18.. were recorded at the school (shorter vocal tracts, another microphone)"""
    g = torch.Generator().manual_seed(number)
    child = number >= 18
    tract = (1.32 if child else 1.0) * (1 + 0.05 * torch.randn(1, generator=g))
    tilt = (0.0 if child else 0.8) + 0.1 * torch.randn(1, generator=g)
    xs, ys = [], []
    for _ in range(takes):
        k = int(torch.randint(0, 5, (1,), generator=g))
        f1, f2 = list(VOWELS.values())[k]
        spectrum = sum(a * torch.exp(-((MEL - f * tract) / w) ** 2) for f, w, a in ((f1, 120, 3.0), (f2, 200, 2.2), (2900, 250, 1.2)))
        spectrum = spectrum - tilt * (MEL - 2000) / 1500 + 0.3 * torch.randn(64, generator=g)
        xs.append((spectrum - 0.5) / 1.1)
        ys.append(k)
    return TensorDataset(torch.stack(xs)[:, None], torch.tensor(ys))


speakers = list(range(N_SPEAKERS))
held_speakers = speakers[-6:]  # fault
# fixed: held_speakers = random.Random(1).sample(speakers, 6)
train_set = ConcatDataset([speaker(s) for s in speakers if s not in held_speakers])
val_set = ConcatDataset([speaker(s) for s in held_speakers])  # here
train_loader = DataLoader(train_set, batch_size=36, shuffle=True)
val_loader = DataLoader(val_set, batch_size=60)  # here

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv1d(1, 12, 9, padding=4), nn.ReLU(), nn.AvgPool1d(4),
    nn.Conv1d(12, 16, 5, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(256, 5))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)


def train():
    for epoch in range(6):
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        print("val acc", sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / len(val_set))
    model.train()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
