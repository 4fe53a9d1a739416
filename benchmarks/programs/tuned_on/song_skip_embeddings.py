"""Will a listener skip the song? Embeddings of listener and song with a small head.

code: ND709
also:
object: optimizer | eps | Adam
seen: watch
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(50)
rng = np.random.default_rng(50)
LISTENERS, SONGS = 70, 90
taste, style = rng.normal(size=(LISTENERS, 2)), rng.normal(size=(SONGS, 2))
plays = pd.DataFrame({"listener": rng.integers(0, LISTENERS, 4000), "song": rng.integers(0, SONGS, 4000)})
fame, patience = rng.normal(size=SONGS), rng.normal(size=LISTENERS)
liking = (taste[plays.listener] * style[plays.song]).sum(1) + 1.5 * (fame[plays.song] + patience[plays.listener])
plays["skip"] = (liking + rng.normal(0, 0.2, 4000) < 0).astype("float32")


class Plays(Dataset):
    def __init__(self, frame):
        self.pairs = torch.tensor(frame[["listener", "song"]].to_numpy())
        self.skip = torch.tensor(frame.skip.to_numpy())

    def __len__(self):
        return len(self.skip)

    def __getitem__(self, i):
        return self.pairs[i], self.skip[i]


class SkipModel(nn.Module):
    def __init__(self, dim=6):
        super().__init__()
        self.listener = nn.Embedding(LISTENERS, dim)
        self.song = nn.Embedding(SONGS, dim)
        self.head = nn.Sequential(nn.Linear(3 * dim, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, pairs):
        a, b = self.listener(pairs[:, 0]), self.song(pairs[:, 1])
        return self.head(torch.cat([a, b, a * b], 1)).squeeze(1)


train_loader = DataLoader(Plays(plays[:3200]), batch_size=64, shuffle=True)
val_loader = DataLoader(Plays(plays[3200:]), batch_size=200)
model = SkipModel()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, eps=0.0)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, eps=1e-8)


def train():
    for epoch in range(8):
        model.train()
        for pairs, skip in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(pairs), skip)
            loss.backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        hits = sum(((model(p) > 0) == (s > 0.5)).sum().item() for p, s in val_loader)
    print("loss", loss.item(), "accuracy", hits / 800)


if __name__ == "__main__":
    train()
