"""Stars (1-5) from product reviews, GRU over words, batches bucketed by length to save padding.

code: ND108
also:
object: BucketBatches | batches | train_loader | batch_sampler
seen: checkup
"""
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

GOOD, BAD, FILL = range(1, 21), range(21, 41), range(41, 80)


class Reviews(Dataset):
    def __init__(self, n, seed):
        r = random.Random(seed)
        self.rows = []
        for _ in range(n):
            stars = r.randrange(5)
            # unhappy people write longer
            length = 19 - 3 * stars + r.randrange(10)
            words = []
            for _ in range(length):
                if r.random() < 0.5:
                    words.append(r.choice(FILL))
                else:
                    words.append(r.choice(GOOD) if r.random() < stars / 4 else r.choice(BAD))
            self.rows.append((torch.tensor(words), stars))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class BucketBatches:
    """Yields lists of indices of similar length."""

    def __init__(self, lengths, size, seed=0):
        self.size = size
        self.lengths = lengths
        self.order = sorted(range(len(lengths)), key=lambda i: lengths[i])
        self.rng = random.Random(seed)

    def __len__(self):
        return -(-len(self.order) // self.size)

    def __iter__(self):
        order = list(self.order)  # fault
        # fixed: noisy = {i: self.lengths[i] + self.rng.uniform(-5, 5) for i in self.order}
        # fixed: order = sorted(self.order, key=noisy.get)
        batches = [order[i:i + self.size] for i in range(0, len(order), self.size)]
        yield from batches  # fault
        # fixed: yield from self.rng.sample(batches, len(batches))


def collate(rows):
    words, stars = zip(*rows)
    return pad_sequence(words, batch_first=True), torch.tensor(stars)


class StarGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(80, 24, padding_idx=0)
        self.gru = nn.GRU(24, 32, batch_first=True, bidirectional=True)
        self.head = nn.Linear(64, 5)

    def forward(self, words):
        real = (words > 0).unsqueeze(-1)
        states, _ = self.gru(self.emb(words))
        return self.head((states * real).sum(1) / real.sum(1))


torch.manual_seed(0)
train_data, val_data = Reviews(480, 1), Reviews(160, 2)
train_loader = DataLoader(train_data, batch_sampler=BucketBatches([len(w) for w, _ in train_data.rows], 16), collate_fn=collate)  # here
val_loader = DataLoader(val_data, batch_size=32, collate_fn=collate)
model = StarGRU()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def evaluate():
    model.eval()
    loss = n = 0
    with torch.no_grad():
        for words, stars in val_loader:
            loss += loss_fn(model(words), stars).item() * len(stars)
            n += len(stars)
    model.train()
    return loss / n


def train():
    for epoch in range(3):
        losses = []
        for words, stars in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(words), stars)
            loss.backward()
            losses.append(loss.item())
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    print("validation", evaluate())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
