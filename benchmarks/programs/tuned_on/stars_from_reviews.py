"""Predicts the star rating (1 to 5) that comes with a short product review.

code: ND103
also: ND312
object: targets | labels | stars | rating | dataset | classifier | fc
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(11)
rng = np.random.default_rng(11)

good = "love great perfect sturdy quick comfortable excellent recommend".split()
bad = "broke awful refund cheap late useless flimsy returned".split()
plain = "the it box arrived strap size colour bought for my and with a phone case".split()


def write_review(stars):
    p_good = (stars - 1) / 4
    words = []
    for _ in range(int(rng.integers(7, 16))):
        if rng.random() < 0.55:
            words.append(rng.choice(good) if rng.random() < p_good else rng.choice(bad))
        else:
            words.append(rng.choice(plain))
    return " ".join(words)


ratings = rng.integers(1, 6, 900)
df = pd.DataFrame({"review": [write_review(s) for s in ratings], "stars": ratings})
df = df.drop_duplicates("review").reset_index(drop=True)
train_df = df.sample(frac=0.8, random_state=0)
valid_df = df.drop(train_df.index)

vocab = {w: i + 1 for i, w in enumerate(sorted({w for t in train_df.review for w in t.split()}))}
MAX_LEN = 16
NUM_CLASSES = 5


class ReviewDataset(Dataset):
    def __init__(self, frame):
        self.texts = frame.review.tolist()
        self.labels = frame.stars.tolist()  # fault
        # fixed: self.labels = [s - 1 for s in frame.stars.tolist()]

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, i):
        ids = [vocab.get(w, 0) for w in self.texts[i].split()][:MAX_LEN]
        ids = ids + [0] * (MAX_LEN - len(ids))
        return torch.tensor(ids), torch.tensor(self.labels[i])  # here


class ReviewNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(len(vocab) + 1, 32, padding_idx=0)
        self.gru = nn.GRU(32, 48, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(96, NUM_CLASSES)  # here

    def forward(self, ids):
        mask = (ids != 0).unsqueeze(-1).float()
        out, _ = self.gru(self.emb(ids))
        pooled = (out * mask).sum(1) / mask.sum(1).clamp(min=1)
        return self.classifier(pooled)


model = ReviewNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train_loader = DataLoader(ReviewDataset(train_df), batch_size=32, shuffle=True)
val_loader = DataLoader(ReviewDataset(valid_df), batch_size=64)


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        losses = []
        for ids, stars in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), stars)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        hits = 0
        with torch.no_grad():
            for ids, stars in val_loader:
                hits += (model(ids).argmax(1) == stars).sum().item()
        print(f"epoch {epoch} loss {np.mean(losses):.3f} val acc {hits / len(valid_df):.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
