"""Sends support tickets to billing, technology, law or press; a bag of words and class weights.

code: ND107
also:
object: weight | counts | loss_fn | weights
seen: both
"""
from collections import Counter

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader

r = np.random.default_rng(19)
torch.manual_seed(19)
DESKS = ["billing", "technology", "law", "press"]
SHARE = [0.62, 0.22, 0.10, 0.06]
VOCAB = 80
likes = np.full((4, VOCAB), 1.0)
for d in range(4):
    likes[d, d * 12:d * 12 + 12] = 3.0
likes /= likes.sum(1, keepdims=True)


def ticket():
    desk = r.choice(4, p=SHARE)
    return r.choice(VOCAB, size=int(r.integers(8, 16)), p=likes[desk]), int(desk)


def collate(items):
    words = torch.tensor(np.concatenate([w for w, _ in items]))
    starts = torch.tensor(np.cumsum([0] + [len(w) for w, _ in items])[:-1])
    return words, starts, torch.tensor([d for _, d in items])


tickets = [ticket() for _ in range(1200)]
train_loader = DataLoader(tickets[:900], batch_size=30, shuffle=True, collate_fn=collate)
val_loader = DataLoader(tickets[900:], batch_size=300, collate_fn=collate)

counts = Counter(d for _, d in tickets[:900])
weight = torch.tensor([counts[d] / 900 for d in range(4)])  # fault
# fixed: weight = torch.tensor([900 / (4 * counts[d]) for d in range(4)])


class Router(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(VOCAB, 24, mode="mean")
        self.desk = nn.Linear(24, 4)

    def forward(self, words, starts):
        return self.desk(self.bag(words, starts))


model = Router()
loss_fn = nn.CrossEntropyLoss(weight=weight)  # here
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    words, starts, desk = batch
    return loss_fn(net(words, starts), desk)


def train():
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        words, starts, desk = next(iter(val_loader))
        guess = model(words, starts).argmax(1)
        recalls = [(guess[desk == d] == d).float().mean().item() for d in range(4)]
    print("recall per desk", [round(v, 2) for v in recalls], "mean", round(sum(recalls) / 4, 3))


if __name__ == "__main__":
    train()
