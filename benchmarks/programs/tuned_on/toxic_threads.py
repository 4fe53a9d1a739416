"""Multi-label toxicity of comments from their words.

code: ND311
also: ND310, ND308, ND504
object: bce | loss_fn | sigmoid | log
seen: both
"""
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader

random.seed(6)
torch.manual_seed(6)
LABELS = ["toxic", "obscene", "threat", "insult"]
NEUTRAL = [f"w{i}" for i in range(80)]
BAD = {k: [f"{k}{i}" for i in range(6)] for k in LABELS}
VOCAB = {w: i for i, w in enumerate(NEUTRAL + sum(BAD.values(), []))}


def comment():
    y = [float(random.random() < 0.35) for _ in LABELS]
    n = int(random.lognormvariate(3.0, 0.9)) + 6
    words = random.choices(NEUTRAL, k=n)
    for k, on in zip(LABELS, y):
        if on:      # a rant repeats itself
            words += random.choices(BAD[k], k=max(1, n // 5))
    random.shuffle(words)
    return [VOCAB[w] for w in words][:400], y


def collate(rows):
    flat = torch.tensor([w for r, _ in rows for w in r])
    starts = torch.tensor([0] + [len(r) for r, _ in rows[:-1]]).cumsum(0)
    return (flat, starts), torch.tensor([y for _, y in rows])


train_loader = DataLoader([comment() for _ in range(1200)], batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader([comment() for _ in range(300)], batch_size=100, collate_fn=collate)


class BagOfWords(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.bag = nn.EmbeddingBag(len(VOCAB), dim, mode="sum")
        nn.init.normal_(self.bag.weight, std=0.05)
        self.out = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, len(LABELS)))

    def forward(self, words):
        return self.out(self.bag(*words))


def bce(logits, y):
    p = torch.sigmoid(logits)  # here
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()  # fault
    # fixed: return nn.functional.binary_cross_entropy_with_logits(logits, y)


model = BagOfWords()
loss_fn = bce  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for words, y in train_loader:
            loss = loss_fn(model(words), y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        hit = n = 0
        with torch.no_grad():
            for words, y in val_loader:
                hit += ((model(words) > 0).float() == y).sum().item()
                n += y.numel()
        print(epoch, "loss", total / len(train_loader), "acc", hit / n)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
