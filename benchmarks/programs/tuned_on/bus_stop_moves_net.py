"""Guesses the rider's next stop; sequences of unequal length are padded with zeros.

code: none
trait: most of every batch is padding, but the loss skips it (targets padded with -100, inputs with a padding index)
"""
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

random.seed(36)
torch.manual_seed(36)
STOPS = 9


def ride():
    n = random.choice([4, 5, 6, 7, 40] if random.random() < 0.3 else [4, 5, 6, 7])
    line = random.choice([1, 2])
    at, seq = random.randrange(STOPS), []
    for _ in range(n + 1):
        seq.append(at + 1)
        at = (at + line) % STOPS if random.random() < 0.9 else random.randrange(STOPS)
    return torch.tensor(seq)


def collate(rides):
    now = pad_sequence([r[:-1] for r in rides], batch_first=True, padding_value=0)
    then = pad_sequence([r[1:] - 1 for r in rides], batch_first=True, padding_value=-100)
    return now, then


class Rider(nn.Module):
    def __init__(self):
        super().__init__()
        self.stop = nn.Embedding(STOPS + 1, 16, padding_idx=0)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.head = nn.Linear(32, STOPS)

    def forward(self, now):
        out, _ = self.gru(self.stop(now))
        return self.head(out).transpose(1, 2)


train_loader = DataLoader([ride() for _ in range(600)], batch_size=30, shuffle=True, collate_fn=collate)
val_loader = DataLoader([ride() for _ in range(150)], batch_size=150, collate_fn=collate)
model = Rider()
loss_fn = nn.CrossEntropyLoss(ignore_index=-100)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(6):
        model.train()
        for now, then in train_loader:
            optimizer.zero_grad()
            loss_fn(model(now), then).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        now, then = next(iter(val_loader))
        real = then != -100
        print("val accuracy %.3f" % (model(now).argmax(1) == then)[real].float().mean().item())


if __name__ == "__main__":
    train()
