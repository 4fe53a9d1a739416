"""Assign short headlines to one of five topics with a bag of word vectors.

code: ND705
also:
object: MIN_COUNT | vocab | ids
seen: watch
"""
import random
from collections import Counter

import torch
from torch import nn
from torch.utils.data import DataLoader

random.seed(4)
torch.manual_seed(4)
TOPICS = {
    "sport": "match goal coach league striker penalty stadium cup".split(),
    "money": "bank shares profit inflation market loan budget tax".split(),
    "weather": "storm rain frost sunshine wind flood snow heat".split(),
    "politics": "minister vote party senate law campaign election mayor".split(),
    "culture": "film painter novel concert theatre museum poet album".split(),
}
COMMON = "the a new after over before says may big first two city week people".split()
MIN_COUNT = 200  # fault
# fixed: MIN_COUNT = 3


def headline(k):
    own = list(TOPICS.values())[k]
    words = random.choices(own, k=2) + random.choices(COMMON, k=6)
    random.shuffle(words)
    return words, k


texts = [headline(random.randrange(5)) for _ in range(1400)]
counts = Counter(w for words, _ in texts for w in words)
vocab = {"<rare>": 0}
for w, n in counts.most_common():
    if n >= MIN_COUNT:  # here
        vocab[w] = len(vocab)
rows = [(torch.tensor([vocab.get(w, 0) for w in words]), k) for words, k in texts]
train_loader = DataLoader(rows[:1100], batch_size=32, shuffle=True)
val_loader = DataLoader(rows[1100:], batch_size=100)


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(len(vocab), 24)
        self.out = nn.Linear(24, len(TOPICS))

    def forward(self, ids):
        return self.out(self.words(ids).mean(1))


model = Bag()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
log = []


def train():
    for epoch in range(10):
        model.train()
        for ids, k in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), k)
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            log_val = sum(loss_fn(model(i), k).item() for i, k in val_loader) / len(val_loader)
    print(f"train {log[-1]:.3f} val {log_val:.3f}")


if __name__ == "__main__":
    train()
