"""Mood of short messages with a GRU; micro-batches of 8, gradients gathered over eight of them.

code: ND603
also: ND604, ND405
object: loss | backward | optimizer
seen: watch
"""
import random
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence
from torch.utils.data import Dataset, DataLoader

GOOD = "love great sunny happy yay best".split()
BAD = "hate awful rainy sad ugh worst".split()
FILL = "the a my bus day work coffee is was today so very".split()
vocab = {w: i + 1 for i, w in enumerate(GOOD + BAD + FILL + ["not"])}


class Tweets(Dataset):
    def __init__(self, n, seed):
        r = random.Random(seed)
        self.rows = []
        for _ in range(n):
            mood, flip = r.randrange(2), r.random() < 0.3
            w = r.choice((GOOD if mood != flip else BAD))
            words = [r.choice(FILL) for _ in range(r.randint(2, 6))] + (["not"] if flip else []) + [w] + [r.choice(FILL) for _ in range(r.randint(0, 3))]
            self.rows.append(([vocab[x] for x in words], mood))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    words = pad_sequence([torch.tensor(r[0]) for r in rows], batch_first=True)
    return (words, torch.tensor([len(r[0]) for r in rows])), torch.tensor([r[1] for r in rows])


class Mood(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(len(vocab) + 1, 16, padding_idx=0)
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.head = nn.Linear(24, 2)

    def forward(self, batch):
        words, lengths = batch
        packed = pack_padded_sequence(self.emb(words), lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.gru(packed)[1][0])


torch.manual_seed(2)
model = Mood()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
train_loader = DataLoader(Tweets(512, 0), batch_size=8, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Tweets(128, 1), batch_size=64, collate_fn=collate)
STEPS = 8


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for k, (x, y) in enumerate(train_loader):
            loss = loss_fn(model(x), y)
            loss.backward()  # fault
            # fixed: (loss / STEPS).backward()
            losses.append(loss.item())
            if (k + 1) % STEPS == 0:
                optimizer.step()  # here
                optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(-1) == y).sum().item() for x, y in val_loader) / 128
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
