"""Sentiment of hotel reviews: embedding, GRU, attention pooling.

code: ND206
also: ND501
object: attn | attention | model.attn | attn.weight | attn.bias
seen: checkup
"""
import random

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

GOOD = "clean friendly lovely quiet perfect helpful spacious tasty".split()
BAD = "dirty rude noisy broken awful smelly tiny cold".split()
NEUTRAL = "the room was and staff breakfast bed we stayed in a with very bathroom view lobby pool night two floor".split()
vocab = {w: i for i, w in enumerate(["<pad>"] + GOOD + BAD + NEUTRAL + ["not"])}


def write_review(rng):
    tokens, score = [], 0
    while score == 0:
        tokens, score = [], 0
        for _ in range(rng.randint(8, 20)):
            if rng.random() < 0.2:
                good, negated = rng.random() < 0.5, rng.random() < 0.25
                tokens += (["not"] if negated else []) + [rng.choice(GOOD if good else BAD)]
                score += 1 if good != negated else -1
            else:
                tokens.append(rng.choice(NEUTRAL))
    return [vocab[t] for t in tokens], int(score > 0)


rng = random.Random(99)
reviews = [write_review(rng) for _ in range(900)]


def collate(batch):
    ids = pad_sequence([torch.tensor(b[0]) for b in batch], batch_first=True)
    return ids, torch.tensor([b[1] for b in batch], dtype=torch.float)


train_loader = DataLoader(reviews[:720], batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(reviews[720:], batch_size=180, collate_fn=collate)


class ReviewNet(nn.Module):
    def __init__(self, n_words, emb=24, hid=24):
        super().__init__()
        self.embedding = nn.Embedding(n_words, emb, padding_idx=0)
        self.gru = nn.GRU(emb, hid, batch_first=True, bidirectional=True)
        self.attn = nn.Linear(2 * hid, 1)  # here
        self.fc = nn.Linear(2 * hid, 1)

    def forward(self, ids):
        mask = (ids != 0).unsqueeze(-1)
        states, _ = self.gru(self.embedding(ids))
        context = (states * mask).sum(1) / mask.sum(1)  # fault
        # fixed: weights = self.attn(states).masked_fill(~mask, -1e9).softmax(dim=1)
        # fixed: context = (weights * states).sum(1)
        return self.fc(context).squeeze(-1)


torch.manual_seed(99)
model = ReviewNet(len(vocab))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train(epochs=5):
    for e in range(epochs):
        model.train()
        tot = 0
        for ids, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), y)
            loss.backward()
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            for ids, y in val_loader:
                acc = ((model(ids) > 0) == (y > 0.5)).float().mean().item()
        print(e, tot / len(train_loader), acc)
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
