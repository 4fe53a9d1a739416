"""Part-of-phrase tags for a toy grammar, pointwise convolutions over [BOS] w1 w2 ... wn.

code: ND104
also:
object: labels | encode | Sentences | tags | train_loader | __getitem__
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(33)
TAGS = ["DET", "ADJ", "NOUN", "VERB", "ADV"]
SIZES = [4, 20, 30, 25, 10]
START = np.cumsum([2] + SIZES[:-1])
BOS, PAD, IGNORE, MAXLEN = 1, 0, -100, 16


def sentence():
    tags = []
    for part in range(rng.integers(1, 3)):
        if rng.random() < 0.7:
            tags.append(0)
        tags += [1] * rng.integers(0, 3) + [2]
        if part == 0:
            tags += [4] * int(rng.random() < 0.4) + [3]
    words = [START[t] + rng.integers(SIZES[t]) for t in tags]
    return words, tags


class Sentences(Dataset):
    def __init__(self, n):
        self.pool = [sentence() for _ in range(n)]

    def __len__(self):
        return len(self.pool)

    @staticmethod
    def encode(words, tags):
        ids = [BOS] + list(words)
        labels = list(tags) + [IGNORE]  # fault
        # fixed: labels = [IGNORE] + list(tags)
        fill = MAXLEN - len(ids)
        return ids + [PAD] * fill, labels + [IGNORE] * fill

    def __getitem__(self, i):
        ids, labels = self.encode(*self.pool[i])  # here
        return torch.tensor(ids), torch.tensor(labels)  # here


train_loader = DataLoader(Sentences(600), batch_size=30, shuffle=True)  # here
val_loader = DataLoader(Sentences(120), batch_size=60)  # here
torch.manual_seed(33)


class Chunker(nn.Module):
    def __init__(self, vocab, dim=20, classes=len(TAGS)):
        super().__init__()
        self.words = nn.Embedding(vocab, dim, padding_idx=PAD)
        self.conv = nn.Conv1d(dim, 32, 1)
        self.head = nn.Linear(32, classes)

    def forward(self, ids):
        h = torch.relu(self.conv(self.words(ids).transpose(1, 2)))
        return self.head(h.transpose(1, 2))


def token_loss(logits, labels):
    return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE)


model = Chunker(int(START[-1] + SIZES[-1]))
loss_fn = token_loss
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)


def train(epochs=8):
    for _ in range(epochs):
        model.train()
        bag = []
        for ids, labels in train_loader:
            loss = loss_fn(model(ids), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            bag.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(a), b).item() for a, b in val_loader]
    return float(np.mean(bag))


if __name__ == "__main__":
    print(train())
