"""Will the visitor buy? Page names of a web session through an embedding and a GRU.

code: ND106
also:
object: val_loader | vocab | load_sessions | embed | inputs
seen: checkup
"""
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

PAGES = ["home", "blog", "about", "jobs", "press", "search", "list", "product", "reviews", "size", "cart", "checkout",
         "coupon", "help", "returns", "stores"]


def log_file(n, seed):
    """lines as the web server writes them: page page page ... ,bought"""
    rnd = random.Random(seed)
    lines = []
    for _ in range(n):
        buy = rnd.random() < 0.5
        weights = [3, 1, 1, 1, 1, 4, 4, 5, 3, 3, 5, 4, 2, 1, 1, 1] if buy else [4, 3, 3, 3, 2, 3, 3, 3, 2, 1, 1, .2, 1, 3, 3, 3]
        lines.append(" ".join(rnd.choices(PAGES, weights, k=rnd.randint(4, 14))) + f",{int(buy)}")
    return lines


def load_sessions(lines, vocab=None):
    vocab = {} if vocab is None else vocab
    rows = []
    for line in lines:
        pages, bought = line.split(",")
        ids = [vocab.setdefault(p, len(vocab) + 1) for p in pages.split()]
        rows.append((torch.tensor(ids), float(bought)))
    return rows, vocab


def collate(rows):
    pages, bought = zip(*rows)
    return pad_sequence(pages, batch_first=True), torch.tensor(bought)


train_rows, vocab = load_sessions(log_file(600, 1))
val_rows, _ = load_sessions(log_file(200, 2))  # fault
# fixed: val_rows, _ = load_sessions(log_file(200, 2), vocab)
train_loader = DataLoader(train_rows, batch_size=40, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_rows, batch_size=100, collate_fn=collate)  # here


class BuyerRNN(nn.Module):
    def __init__(self, n_pages, dim=16):
        super().__init__()
        self.embed = nn.Embedding(n_pages + 1, dim, padding_idx=0)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.score = nn.Linear(dim, 1)

    def forward(self, ids):
        lengths = (ids > 0).sum(1)
        states, _ = self.rnn(self.embed(ids))
        last = states[torch.arange(len(ids)), lengths - 1]
        return self.score(last)[:, 0]


torch.manual_seed(0)
model = BuyerRNN(len(vocab))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)


def train():
    for epoch in range(5):
        model.train()
        total = 0
        for ids, bought in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), bought)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            hit = torch.cat([((model(i) > 0) == (b > 0.5)).float() for i, b in val_loader]).mean().item()
        print(f"epoch {epoch}: train loss {total / len(train_loader):.3f}, val accuracy {hit:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
