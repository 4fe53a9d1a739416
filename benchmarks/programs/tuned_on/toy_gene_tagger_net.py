"""Marks which bases of a short DNA read lie inside a motif; reads are padded to a common length.

code: ND113
also:
object: ignore_index | loss_fn | PAD | CrossEntropyLoss | tags
seen: both
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader

random.seed(30)
torch.manual_seed(30)
PAD, MAX = 0, 120
LETTER = {"A": 1, "C": 2, "G": 3, "T": 4}


def read():
    n = random.choice([8, 10, 12, 14, MAX] if random.random() < 0.06 else [8, 10, 12, 14])
    s = [random.choice("ACGT") for _ in range(n)]
    at = random.randrange(0, n - 4)
    s[at:at + 4] = random.choice(["GATC", "TTAA"])
    text = "".join(s)
    tags = [1] * n                                  # 1 = outside, 2/3 = the two motifs, 0 = no base
    for k in range(n - 3):
        for motif, tag in (("GATC", 2), ("TTAA", 3)):
            if text[k:k + 4] == motif:
                tags[k:k + 4] = [tag] * 4
    return [LETTER[c] for c in text], tags


def collate(items):
    seq = torch.full((len(items), MAX), PAD)
    tags = torch.full((len(items), MAX), PAD)
    for row, (s, t) in enumerate(items):
        seq[row, :len(s)] = torch.tensor(s)
        tags[row, :len(t)] = torch.tensor(t)
    return seq, tags


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(5, 16, padding_idx=PAD)
        self.conv = nn.Conv1d(16, 32, 7, padding=3)
        self.head = nn.Linear(32, 4)

    def forward(self, seq):
        h = torch.relu(self.conv(self.emb(seq).transpose(1, 2)))
        return self.head(h.transpose(1, 2)).transpose(1, 2)


train_loader = DataLoader([read() for _ in range(500)], batch_size=25, shuffle=True, collate_fn=collate)
val_loader = DataLoader([read() for _ in range(150)], batch_size=150, collate_fn=collate)
model = Tagger()
loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: loss_fn = nn.CrossEntropyLoss(ignore_index=PAD)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.8)


def train():
    for epoch in range(7):
        model.train()
        for seq, tags in train_loader:
            optimizer.zero_grad()
            loss_fn(model(seq), tags).backward()  # here
            optimizer.step()
    model.eval()
    with torch.no_grad():
        seq, tags = next(iter(val_loader))
        hit = (model(seq).argmax(1) == tags)[tags != PAD].float().mean()
        inside = (model(seq).argmax(1) == tags)[tags > 1].float().mean()
    print(f"accuracy on real bases {hit:.3f}, inside motifs {inside:.3f}")


if __name__ == "__main__":
    train()
