"""Headline topics with a bag-of-embeddings + attention pooling; word dropout while training.

code: ND110
also: ND106
object: WordDropout | word_dropout | keep | Headlines
seen: checkup
"""
import random
from collections import Counter

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

TOPICS = {
    "sport": "match goal striker coach league cup injury transfer stadium referee",
    "money": "shares bank inflation rates market profit merger bonds tax dollar",
    "science": "planet vaccine genome telescope fossil quantum neuron climate orbit enzyme",
    "politics": "senate vote minister treaty election campaign bill coalition embassy reform",
}
COMMON = "the a after over says new in for to with before as".split()
PAD, UNK = 0, 1


def headline(rng, topic):
    own = TOPICS[topic].split()
    other = TOPICS[rng.choice(list(TOPICS))].split()
    words = [rng.choice(own) for _ in range(rng.randint(2, 4))] + [rng.choice(COMMON) for _ in range(rng.randint(3, 5))] + [rng.choice(other)]
    rng.shuffle(words)
    return " ".join(words)


class Vocabulary:
    def __init__(self, texts):
        common = Counter(w for t in texts for w in t.split()).most_common()
        self.index = {w: i + 2 for i, (w, _) in enumerate(common)}

    def __len__(self):
        return len(self.index) + 2

    def encode(self, text, length=12):
        ids = [self.index.get(w, UNK) for w in text.split()][:length]
        return torch.tensor(ids + [PAD] * (length - len(ids)))


class WordDropout:
    """replaces words by UNK; p is the share of words to lose"""

    def __init__(self, p):
        self.p = p

    def __call__(self, ids):
        lost = torch.rand(ids.shape) > self.p  # fault
        # fixed: lost = torch.rand(ids.shape) < self.p
        return torch.where(lost & (ids != PAD), UNK, ids)


class Headlines(Dataset):
    def __init__(self, pairs, vocabulary, transform=None):
        self.items = [(vocabulary.encode(text), topic) for text, topic in pairs]
        self.transform = transform

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        ids, topic = self.items[i]
        if self.transform:
            ids = self.transform(ids)  # here
        return ids, topic


class AttentionBag(nn.Module):
    def __init__(self, words, topics, d=32):
        super().__init__()
        self.emb = nn.Embedding(words, d, padding_idx=PAD)
        self.score = nn.Linear(d, 1)
        self.head = nn.Linear(d, topics)

    def forward(self, ids):
        e = self.emb(ids)
        s = self.score(torch.tanh(e)).squeeze(-1).masked_fill(ids == PAD, -1e4)
        return self.head((s.softmax(-1).unsqueeze(-1) * e).sum(1))


rng = random.Random(0)
pairs = [(headline(rng, t), k) for k, t in enumerate(TOPICS) for _ in range(200)]
rng.shuffle(pairs)
fit, held = pairs[:640], pairs[640:]
vocabulary = Vocabulary([t for t, _ in fit])
torch.manual_seed(0)
train_loader = DataLoader(Headlines(fit, vocabulary, WordDropout(0.1)), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(Headlines(held, vocabulary), batch_size=80)
model = AttentionBag(len(vocabulary), len(TOPICS))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for _ in range(6):
        losses = []
        for ids, topic in train_loader:
            loss = loss_fn(model(ids), topic)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
