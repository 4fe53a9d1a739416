"""Do café reviews sound pleased? Hashed bigrams, an EmbeddingBag and Adagrad.

code: ND605
also:
object: optimizer | initial_accumulator_value | Adagrad
seen: both
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader

random.seed(14)
torch.manual_seed(14)
GOOD = ["lovely", "warm", "crisp", "friendly", "perfect"]
BAD = ["stale", "cold", "rude", "soggy", "slow"]
NEUTRAL = "the coffee was and cake staff we sat table by window".split()
BUCKETS = 500


def bucket(text):
    h = 7
    for ch in text:
        h = (h * 31 + ord(ch)) % 100_003
    return h % BUCKETS


def review():
    pleased = random.random() < 0.5
    words = random.choices(NEUTRAL, k=random.randint(5, 12))
    for _ in range(2):
        words.insert(random.randint(0, len(words)), random.choice(GOOD if pleased else BAD))
    grams = words + [a + "_" + b for a, b in zip(words, words[1:])]
    return [bucket(gram) for gram in grams], float(pleased)


def collate(rows):
    ids = torch.tensor([i for r, _ in rows for i in r])
    starts = torch.tensor([0] + [len(r) for r, _ in rows][:-1]).cumsum(0)
    return ids, starts, torch.tensor([y for _, y in rows])


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.EmbeddingBag(BUCKETS, 16, mode="mean")
        self.out = nn.Linear(16, 1)

    def forward(self, ids, starts):
        return self.out(self.table(ids, starts)).squeeze(1)


train_loader = DataLoader([review() for _ in range(1200)], batch_size=40, shuffle=True, collate_fn=collate)
val_loader = DataLoader([review() for _ in range(300)], batch_size=100, collate_fn=collate)
model = Bag()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1, initial_accumulator_value=1e4)  # fault
# fixed: optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    ids, starts, y = batch
    return loss_fn(model(ids, starts), y)


def train():
    for epoch in range(10):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        ok = sum(((model(i, s) > 0).float() == y).sum().item() for i, s, y in val_loader)
    print(f"loss {loss.item():.3f} val acc {ok / 300:.3f}")


if __name__ == "__main__":
    train()
