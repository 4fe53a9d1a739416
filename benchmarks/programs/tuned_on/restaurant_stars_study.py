"""How many stars did the guest give? A bag-of-words reader of short restaurant reviews.

code: ND103
also: ND312
object: stars | targets | labels | head | train_loader | labels_of
seen: both
"""
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader

random.seed(8)
torch.manual_seed(8)
WORDS = {
    1: "awful cold rude dirty never horrible stale".split(),
    2: "bland slow disappointing overpriced noisy greasy".split(),
    3: "okay average fine usual decent plain".split(),
    4: "tasty friendly good cosy fresh pleasant".split(),
    5: "superb wonderful perfect delicious unforgettable best".split(),
}
FILLER = "the food was and waiter we had table soup very place dinner with wine a bit".split()
vocab = {w: i for i, w in enumerate(sorted(set(FILLER).union(*WORDS.values())))}


def write_review():
    stars = random.randint(1, 5)
    words = random.choices(FILLER, k=random.randint(6, 14))
    words += random.choices(WORDS[stars], k=2)
    if random.random() < 0.3:
        words.append(random.choice(WORDS[random.randint(1, 5)]))
    random.shuffle(words)
    return " ".join(words), stars


def labels_of(rows):
    return torch.tensor([stars for _, stars in rows])  # fault
    # fixed: return torch.tensor([stars - 1 for _, stars in rows])


def collate(rows):
    ids, offsets = [], []
    for text, _ in rows:
        offsets.append(len(ids))
        ids.extend(vocab[w] for w in text.split())
    return (torch.tensor(ids), torch.tensor(offsets)), labels_of(rows)


train_loader = DataLoader([write_review() for _ in range(1200)], batch_size=40, shuffle=True, collate_fn=collate)
val_loader = DataLoader([write_review() for _ in range(300)], batch_size=100, collate_fn=collate)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(len(vocab), 24, mode="mean")
        self.hidden = nn.Linear(24, 32)
        self.head = nn.Linear(32, 5)  # here

    def forward(self, ids, offsets):
        return self.head(torch.relu(self.hidden(self.bag(ids, offsets))))


model = Reader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    (ids, offsets), stars = batch
    return loss_fn(setup.model(ids, offsets), stars)


def train():
    for epoch in range(8):
        model.train()
        for (ids, offsets), stars in train_loader:
            optimizer.zero_grad()
            loss_fn(model(ids, offsets), stars).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(i, o).argmax(1) == s).sum().item() for (i, o), s in val_loader)
    print("val accuracy", hits / 300)


if __name__ == "__main__":
    train()
