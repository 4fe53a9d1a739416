"""Is a short restaurant note friendly or angry? Mean of word vectors, then a small net.

code: ND106
also: ND104
object: val_loader | vocab | val_vocab | build_vocab | val_ids | encode | val_texts
seen: both
"""
import random
from collections import Counter

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

random.seed(14)
torch.manual_seed(14)
GOOD = "lovely tasty fresh warm friendly crisp generous delightful quick charming".split()
BAD = "cold stale rude slow greasy bland dirty burnt salty noisy".split()
NEUTRAL = "the soup waiter table bread fish plate wine evening lunch was and we had a very menu".split()
MAXLEN = 12


def write_note():
    tone = random.randint(0, 1)
    own, other = (GOOD, BAD) if tone else (BAD, GOOD)
    words = random.choices(own, k=3) + random.choices(other, k=1)
    words += random.choices(NEUTRAL, k=random.randint(4, 8))
    random.shuffle(words)
    return " ".join(words), tone


def build_vocab(texts):
    counts = Counter(w for t in texts for w in t.split())
    return {w: i + 1 for i, (w, _) in enumerate(counts.most_common())}


def encode(texts, vocab):
    ids = [[vocab.get(w, 0) for w in t.split()][:MAXLEN] for t in texts]
    return torch.tensor([row + [0] * (MAXLEN - len(row)) for row in ids])


notes = [write_note() for _ in range(900)]
train_texts, train_tones = zip(*notes[:700])
val_texts, val_tones = zip(*notes[700:])

vocab = build_vocab(train_texts)
train_ids = encode(train_texts, vocab)
val_vocab = build_vocab(val_texts)  # fault
# fixed: val_vocab = vocab
val_ids = encode(val_texts, val_vocab)  # here

train_loader = DataLoader(TensorDataset(train_ids, torch.tensor(train_tones).float()), 35, shuffle=True)
val_loader = DataLoader(TensorDataset(val_ids, torch.tensor(val_tones).float()), 100)  # here


class BagOfWords(nn.Module):
    def __init__(self, size, dim=16):
        super().__init__()
        self.emb = nn.Embedding(size, dim, padding_idx=0)
        self.net = nn.Sequential(nn.Linear(dim, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, ids):
        mask = (ids > 0).unsqueeze(-1)
        mean = (self.emb(ids) * mask).sum(1) / mask.sum(1).clamp(min=1)
        return self.net(mean).squeeze(1)


model = BagOfWords(len(vocab) + 1)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(8):
        model.train()
        for ids, tone in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), tone)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum(((model(i) > 0) == (t > 0.5)).sum().item() for i, t in val_loader)
    print(f"train loss {loss.item():.3f}  val acc {hits / 200:.3f}")


if __name__ == "__main__":
    train()
