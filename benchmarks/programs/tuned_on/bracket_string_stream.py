"""Does a random string of brackets close properly? Strings come from a stream, a new lot each epoch.

code: ND109
also:
object: BracketStream | rng | Random | __iter__ | train_loader | seed
seen: both
"""
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

LENGTH = 10


def balanced(rng):
    opened, left, out = 0, LENGTH, []
    while left:
        if opened == 0 or (opened < left and rng.random() < 0.5):
            out.append(1)
            opened += 1
        else:
            out.append(0)
            opened -= 1
        left -= 1
    return out


def sample(rng):
    row = balanced(rng)
    label = rng.randint(0, 1)
    if label == 0:
        ups = [i for i in range(LENGTH) if row[i]]
        downs = [i for i in range(LENGTH) if not row[i]]
        i, j = rng.choice(ups), rng.choice(downs)
        if rng.random() < 0.5:
            row[i] = 0
        else:
            row[j] = 1
    return torch.tensor(row), torch.tensor(float(label))


class BracketStream(IterableDataset):
    def __init__(self, per_epoch, seed):
        self.per_epoch = per_epoch
        self.seed = seed
        self.rng = random.Random(seed)

    def __iter__(self):
        rng = random.Random(self.seed)  # fault
        # fixed: rng = self.rng
        for _ in range(self.per_epoch):
            yield sample(rng)  # here


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(2, 8)
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(8 * LENGTH, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, ids):
        return self.mlp(self.emb(ids)).squeeze(1)


torch.manual_seed(31)
train_loader = DataLoader(BracketStream(40, seed=31), batch_size=20)  # here
held = [sample(random.Random(1000 + k)) for k in range(300)]
val_loader = DataLoader(TensorDataset(*map(torch.stack, zip(*held))), batch_size=100)
model = Reader()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(120):
        model.train()
        for ids, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), label)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum(((model(i) > 0) == (t > 0.5)).sum().item() for i, t in val_loader)
    print(f"loss {loss.item():.3f} val {hits / 300:.3f}")


if __name__ == "__main__":
    train()
