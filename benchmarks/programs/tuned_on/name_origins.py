"""Tells the origin of a surname from its letters.

code: ND108
also:
object: ByOrigin | sampler | order | train_loader
seen: both
"""
import random
import string
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Sampler

ENDINGS = {"it": ["ini", "elli", "ucci", "one"], "ru": ["ov", "sky", "enko", "in"], "jp": ["moto", "kawa", "shi", "da"],
           "de": ["mann", "berg", "er", "stein"], "gr": ["pulos", "idis", "akis", "ou"]}
STEMS = ["mar", "pet", "ros", "kal", "tan", "ber", "vol", "gre", "sim", "nik", "ant", "ori", "hal", "fen"]
LETTERS = {c: i + 1 for i, c in enumerate(string.ascii_lowercase)}


def surnames(n, seed):
    r = random.Random(seed)
    out = {}
    while len(out) < n:
        k = r.randrange(5)
        name = r.choice(STEMS) + (r.choice("aeiou") if r.random() < .4 else "") + r.choice(list(ENDINGS.values())[k])
        if r.random() < .2:
            p = r.randrange(len(name))
            name = name[:p] + r.choice(string.ascii_lowercase) + name[p + 1:]
        out[name] = (torch.tensor([LETTERS[c] for c in name]), k)
    return list(out.values())


class ByOrigin(Sampler):
    """Draws every surname once per epoch."""

    def __init__(self, data):
        self.pools = [[i for i, (_, k) in enumerate(data) if k == origin] for origin in range(5)]
        self.n = len(data)

    def __len__(self):
        return self.n

    def __iter__(self):
        pools = [torch.tensor(p)[torch.randperm(len(p))] for p in self.pools]
        order = torch.cat(pools)  # fault
        # fixed: order = torch.cat(pools)[torch.randperm(self.n)]
        return iter(order.tolist())  # here


def collate(items):
    names, ks = zip(*items)
    return pad_sequence(names, batch_first=True), torch.tensor([len(s) for s in names]), torch.tensor(ks)


class NameGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(27, 16, padding_idx=0)
        self.gru = nn.GRU(16, 40, batch_first=True)
        self.fc = nn.Linear(40, 5)

    def forward(self, names, lengths):
        packed = pack_padded_sequence(self.emb(names), lengths, batch_first=True, enforce_sorted=False)
        return self.fc(self.gru(packed)[1][0])


torch.manual_seed(10)
book = surnames(1000, 1)
random.Random(2).shuffle(book)
train_data, val_data = book[:800], book[800:]
train_loader = DataLoader(train_data, batch_size=25, sampler=ByOrigin(train_data), collate_fn=collate)  # here
val_loader = DataLoader(val_data, batch_size=50, collate_fn=collate)
model = NameGRU()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    names, lengths, k = batch
    return loss_fn(setup.model(names, lengths), k)


def train():
    for epoch in range(5):
        model.train()
        total = 0.0
        for names, lengths, k in train_loader:
            loss = loss_fn(model(names, lengths), k)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(n, l).argmax(1) == k).sum().item() for n, l, k in val_loader) / 200
    print("val", acc)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
