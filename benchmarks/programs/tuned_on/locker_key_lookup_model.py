"""Lockers: given some keys with contents and a list of asked keys, name the contents (written-out attention).

code: ND304
also:
object: softmax | dim | Lookup | share
seen: both
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

KEYS, CONTENTS, LOCKERS, ASKED = 16, 6, 8, 2


class Hall(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.keys = torch.rand(n, KEYS, generator=g).argsort(1)[:, :LOCKERS]
        self.inside = torch.randint(0, CONTENTS, (n, LOCKERS), generator=g)
        slot = torch.randint(0, LOCKERS, (n, ASKED), generator=g)
        self.asked = self.keys.gather(1, slot)
        self.answer = self.inside.gather(1, slot)

    def __len__(self):
        return len(self.keys)

    def __getitem__(self, i):
        return (self.keys[i], self.inside[i], self.asked[i]), self.answer[i]


class Lookup(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.key = nn.Embedding(KEYS, width)
        self.ask = nn.Embedding(KEYS, width)
        self.content = nn.Embedding(CONTENTS, width)
        self.out = nn.Linear(width, CONTENTS)

    def forward(self, hall):
        keys, inside, asked = hall
        scores = self.ask(asked) @ self.key(keys).transpose(1, 2) / math.sqrt(32)
        share = F.softmax(scores, dim=1)  # fault
        # fixed: share = F.softmax(scores, dim=2)
        return self.out(share @ self.content(inside)).transpose(1, 2)


torch.manual_seed(44)
train_loader = DataLoader(Hall(800, 1), batch_size=40, shuffle=True)
val_loader = DataLoader(Hall(200, 2), batch_size=100)
model = Lookup()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(12):
        model.train()
        for hall, answer in train_loader:
            optimizer.zero_grad()
            loss_fn(model(hall), answer).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = torch.cat([(model(h).argmax(1) == a).flatten() for h, a in val_loader])
    print("val accuracy %.3f" % ok.float().mean().item())


if __name__ == "__main__":
    train()
