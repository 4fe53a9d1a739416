"""Tags every stitch of a knitting row; rows differ in length, batches are accumulated.

code: none
trait: summed loss, no division by the batch, zero_grad only every fourth batch: but it divides by all scored stitches
"""
import random

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

random.seed(47)
torch.manual_seed(47)
PAD, IGNORE, GROUP = 0, -100, 4
# stitches: 1 knit, 2 purl, 3 yarn-over, 4 slip; a stitch is tagged by itself and the one before


def row():
    stitches = [random.randint(1, 4) for _ in range(random.randint(6, 14))]
    tags = [(s + p) % 3 for s, p in zip(stitches, [4] + stitches)]
    return torch.tensor(stitches), torch.tensor(tags)


def collate(rows):
    s, t = zip(*rows)
    return pad_sequence(s, True, PAD), pad_sequence(t, True, IGNORE)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 12, padding_idx=PAD)
        self.gru = nn.GRU(12, 24, batch_first=True)
        self.out = nn.Linear(24, 3)

    def forward(self, s):
        return self.out(self.gru(self.embed(s))[0]).transpose(1, 2)


train_loader = DataLoader([row() for _ in range(640)], batch_size=8, shuffle=True, collate_fn=collate)
val_loader = DataLoader([row() for _ in range(120)], batch_size=40, collate_fn=collate)
model = Tagger()
loss_fn = nn.CrossEntropyLoss(ignore_index=IGNORE, reduction="sum")
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(8):
        model.train()
        stitches = 0
        for i, (s, t) in enumerate(train_loader, 1):
            loss = loss_fn(model(s), t)
            loss.backward()
            stitches += int((t != IGNORE).sum())
            if i % GROUP == 0:
                for p in model.parameters():
                    p.grad.div_(stitches)
                optimizer.step()
                optimizer.zero_grad()
                stitches = 0
    model.eval()
    right = count = 0
    with torch.no_grad():
        for s, t in val_loader:
            scored = t != IGNORE
            right += (model(s).argmax(1) == t)[scored].sum().item()
            count += scored.sum().item()
    print(f"acc {right / count:.3f}")


if __name__ == "__main__":
    train()
