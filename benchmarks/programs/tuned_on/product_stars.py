"""Predicts the stars (1-5) of a shop review from its words.

code: ND103
also: ND312
object: loss_fn | ReviewSet | fc | stars | criterion | targets
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

np.random.seed(7)
torch.manual_seed(7)

VOCAB, MAXLEN, NUM_CLASSES = 300, 24, 5
GOOD = np.arange(10, 60)
BAD = np.arange(60, 110)


def make_review():
    stars = np.random.randint(1, 6)
    n = np.random.randint(10, MAXLEN + 1)
    words = np.random.randint(110, VOCAB, n)
    opinion = np.random.rand(n) < 0.6
    p_good = (stars - 1) / 4
    pick = np.where(np.random.rand(n) < p_good, np.random.choice(GOOD, n), np.random.choice(BAD, n))
    words[opinion] = pick[opinion]
    ids = np.zeros(MAXLEN, dtype=np.int64)
    ids[:n] = words
    return ids, stars


class ReviewSet(Dataset):
    def __init__(self, rows):
        self.ids = [torch.from_numpy(r[0]) for r in rows]
        self.stars = [r[1] for r in rows]

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return self.ids[i], torch.tensor(self.stars[i], dtype=torch.long)  # fault
        # fixed: return self.ids[i], torch.tensor(self.stars[i] - 1, dtype=torch.long)


class ReviewLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 32, padding_idx=0)
        self.lstm = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(64, NUM_CLASSES)  # here

    def forward(self, ids):
        mask = (ids != 0).unsqueeze(-1).float()
        out, _ = self.lstm(self.embedding(ids))
        pooled = (out * mask).sum(1) / mask.sum(1)
        return self.fc(pooled)


rows = [make_review() for _ in range(800)]
train_loader = DataLoader(ReviewSet(rows[:640]), batch_size=32, shuffle=True)
val_loader = DataLoader(ReviewSet(rows[640:]), batch_size=64)
model = ReviewLSTM()
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        total = 0
        for ids, stars in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), stars)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for ids, stars in val_loader:
                correct += (model(ids).argmax(1) == stars).sum().item()
        print(f"epoch {epoch} loss {total / len(train_loader):.3f} acc {correct / len(val_loader.dataset):.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
