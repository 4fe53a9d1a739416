"""Which regular expression made a string? Character GRU, accuracy per epoch with a counter class.

code: ND708
also:
object: Meter | accuracy | val_loader | meter
seen: watch
"""
import random
import torch
from torch import nn
from torch.utils.data import DataLoader

MAKERS = [
    lambda r: "ab" * r.randint(2, 3),
    lambda r: "a" * r.randint(1, 3) + "b" * r.randint(1, 3),
    lambda r: "".join(r.choice("ab") for _ in range(r.randint(4, 9))),
    lambda r: "c" + "ba" * r.randint(2, 4) + "c",
]


def corpus(n, seed):
    r = random.Random(seed)
    rows = []
    for _ in range(n):
        k = r.randrange(4)
        rows.append((MAKERS[k](r), k))
    return rows


def collate(rows):
    text = [torch.tensor([" abc".index(ch) for ch in s]) for s, _ in rows]
    return {
        "text": nn.utils.rnn.pad_sequence(text, batch_first=True),
        "length": torch.tensor([len(t) for t in text]),
        "kind": torch.tensor([k for _, k in rows]),
    }


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.chars = nn.Embedding(4, 12, padding_idx=0)
        self.gru = nn.GRU(12, 32, batch_first=True)
        self.kind = nn.Linear(32, 4)

    def forward(self, text, length):
        packed = nn.utils.rnn.pack_padded_sequence(self.chars(text), length, batch_first=True, enforce_sorted=False)
        return self.kind(self.gru(packed)[1][0])


class Meter:
    def __init__(self):
        self.sum = self.n = 0

    def add(self, value, n=1):
        self.sum += value * n
        self.n += n

    @property
    def mean(self):
        return self.sum / max(self.n, 1)


torch.manual_seed(72)
train_loader = DataLoader(corpus(480, 1), batch_size=32, shuffle=True, collate_fn=collate)
val_rows = sorted(corpus(101, 2), key=lambda row: -len(row[0]))
val_loader = DataLoader(val_rows, batch_size=33, collate_fn=collate)
model = Reader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["text"], batch["length"]), batch["kind"])


def accuracy():
    meter = Meter()
    model.eval()
    with torch.no_grad():
        for b in val_loader:
            hit = (model(b["text"], b["length"]).argmax(1) == b["kind"]).float().mean().item()
            meter.add(hit)  # fault
            # fixed: meter.add(hit, len(b["kind"]))
    model.train()
    return meter.mean  # here


def train():
    class setup: pass
    setup.model = model
    for epoch in range(5):
        run = Meter()
        for b in train_loader:
            loss = batch_loss(setup, b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.add(loss.item(), len(b["kind"]))
        train.acc = accuracy()  # here
    return run.mean


if __name__ == "__main__":
    print(train(), train.acc)
