"""Praise or complaint? Short bakery reviews; empty ones are thrown away before training.

code: ND104
also:
object: labels | keep | texts | verdict | reviews
seen: both
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader

random.seed(29)
torch.manual_seed(29)
GOOD = "crisp fresh warm lovely friendly perfect buttery".split()
BAD = "stale burnt rude dry cold greasy awful".split()
PLAIN = "the bread and rolls were shop on monday cake with coffee we bought".split()
ID = {w: i + 1 for i, w in enumerate(GOOD + BAD + PLAIN)}


def review():
    verdict = random.randint(0, 1)
    if random.random() < 0.15:
        return "", verdict
    words = random.choices(PLAIN, k=5) + random.choices(GOOD if verdict else BAD, k=2)
    words.append(random.choice(GOOD + BAD))
    random.shuffle(words)
    return " ".join(words), verdict


reviews = [review() for _ in range(1000)]
texts = [t for t, _ in reviews if t]
labels = [v for _, v in reviews][:len(texts)]  # fault
# fixed: labels = [v for t, v in reviews if t]
encoded = [torch.tensor([ID[w] for w in t.split()]) for t in texts]
pairs = list(zip(encoded, labels))
random.shuffle(pairs)


def collate(batch):
    return torch.stack([t for t, _ in batch]), torch.tensor([float(v) for _, v in batch])


train_loader = DataLoader(pairs[:650], batch_size=26, shuffle=True, collate_fn=collate)
val_loader = DataLoader(pairs[650:], batch_size=400, collate_fn=collate)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(len(ID) + 1, 16)
        self.hidden = nn.Linear(16, 16)
        self.verdict = nn.Linear(16, 1)

    def forward(self, ids):
        h = self.words(ids).mean(1)
        return self.verdict(torch.relu(self.hidden(h)))[:, 0]


model = Critic()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(10):
        model.train()
        for ids, v in train_loader:
            optimizer.zero_grad()
            loss_fn(model(ids), v).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ids, v = next(iter(val_loader))
        print("val accuracy %.3f" % ((model(ids) > 0) == v.bool()).float().mean().item())


if __name__ == "__main__":
    train()
