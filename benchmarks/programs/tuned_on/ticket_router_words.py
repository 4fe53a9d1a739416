"""Send a support ticket to the right desk by its words.

code: ND106
also:
object: vocab | val_vocab | build_vocab | val_ids | encode | val_loader
seen: both
"""
import random
from collections import Counter

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rnd = random.Random(67)
torch.manual_seed(67)
DESKS = {
    0: "invoice refund payment card bank charge price receipt".split(),
    1: "password login account locked reset email code signin".split(),
    2: "parcel courier late address delivery box street depot".split(),
    3: "screen battery cable broken noise smell button crack".split(),
}
FILLER = "please my the is not since hello help i have today thanks again still".split()


def ticket():
    desk = rnd.randrange(4)
    words = rnd.choices(DESKS[desk], k=3) + rnd.choices(DESKS[rnd.randrange(4)], k=1) + rnd.choices(FILLER, k=6)
    rnd.shuffle(words)
    return " ".join(words), desk


def build_vocab(texts):
    counts = Counter(word for text in texts for word in text.split())
    return {word: i + 1 for i, (word, _) in enumerate(counts.most_common())}


def encode(texts, vocab):
    return torch.tensor([[vocab.get(word, 0) for word in text.split()] for text in texts])


train_text, train_desk = zip(*[ticket() for _ in range(800)])
val_text, val_desk = zip(*[ticket() for _ in range(250)])
vocab = build_vocab(train_text)
train_ids = encode(train_text, vocab)
val_ids = encode(val_text, build_vocab(val_text))  # fault
# fixed: val_ids = encode(val_text, vocab)
train_loader = DataLoader(TensorDataset(train_ids, torch.tensor(train_desk)), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(val_ids, torch.tensor(val_desk)), batch_size=250)


class Router(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.embed = nn.Embedding(words, 24)
        self.desk = nn.Sequential(nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 4))

    def forward(self, ids):
        return self.desk(self.embed(ids).mean(1))


model = Router(len(vocab) + 1)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for _ in range(8):
        model.train()
        for ids, desk in train_loader:
            optimizer.zero_grad()
            loss_fn(model(ids), desk).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ids, desk = next(iter(val_loader))
        print("val accuracy", (model(ids).argmax(1) == desk).float().mean().item())


if __name__ == "__main__":
    train()
