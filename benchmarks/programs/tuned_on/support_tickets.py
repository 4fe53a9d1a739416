"""Route customers' tickets to billing, delivery or technology with an embedding and a GRU.

code: ND106
also:
object: build_vocab | vocab | val_vocab | val_loader | encode | val_texts
seen: both
"""
import random
from collections import Counter

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

random.seed(14)
torch.manual_seed(14)

TOPIC = [
    "invoice refund charged card payment price bank bill receipt tax".split(),
    "parcel courier late address shipped box arrived tracking postcode door".split(),
    "login screen crash password update app error button browser slow".split(),
]
COMMON = "hello i my the is was please help with again since yesterday order thanks you not".split()
LENGTH = 10


def write_tickets(n):
    texts, topics = [], []
    for _ in range(n):
        topic = random.randrange(3)
        words = random.choices(TOPIC[topic], k=3) + random.choices(COMMON, k=LENGTH - 4)
        words.append(random.choice(TOPIC[random.randrange(3)]))
        random.shuffle(words)
        texts.append(words)
        topics.append(topic)
    return texts, topics


def build_vocab(texts):
    counts = Counter(w for words in texts for w in words)
    return {w: i + 1 for i, (w, _) in enumerate(counts.most_common())}


def encode(texts, vocab):
    return torch.tensor([[vocab.get(w, 0) for w in words] for words in texts])


train_texts, train_topics = write_tickets(900)
val_texts, val_topics = write_tickets(240)
vocab = build_vocab(train_texts)
val_vocab = build_vocab(val_texts)  # fault
# fixed: val_vocab = vocab

train_loader = DataLoader(TensorDataset(encode(train_texts, vocab), torch.tensor(train_topics)),
                          batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(encode(val_texts, val_vocab), torch.tensor(val_topics)), batch_size=80)  # here


class Router(nn.Module):
    def __init__(self, words, dim=24):
        super().__init__()
        self.embed = nn.Embedding(words, dim)
        self.gru = nn.GRU(dim, 32, batch_first=True)
        self.out = nn.Linear(32, 3)

    def forward(self, ids):
        states, _ = self.gru(self.embed(ids))
        return self.out(states.mean(dim=1))


model = Router(len(vocab) + 1)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(6):
        model.train()
        for ids, topic in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), topic)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(ids).argmax(-1) == topic).sum().item() for ids, topic in val_loader)
    print(f"train loss {loss.item():.3f}, val accuracy {hits / 240:.3f}")


if __name__ == "__main__":
    train()
