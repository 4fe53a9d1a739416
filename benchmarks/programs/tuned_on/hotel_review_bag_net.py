"""Is a hotel review glad, cross or bored? A bag-of-words network.

code: ND608
also:
object: Dropout | dropout | drop | p | keep
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)
rng = np.random.default_rng(6)
moods = {
    "glad": "lovely clean kind wonderful quiet perfect friendly".split(),
    "cross": "dirty rude noisy broken awful smell refund".split(),
    "bored": "average okay plain usual nothing fine standard".split(),
}
common = "the room was and we had breakfast staff bed bath night stay it pool city view".split()


def review(mood):
    words = list(rng.choice(common, 10)) + list(rng.choice(moods[mood], 2))
    if rng.random() < 0.3:
        words.append(rng.choice(moods[rng.choice(list(moods))]))
    return " ".join(rng.permutation(words))


df = pd.DataFrame({"mood": rng.choice(list(moods), 1000)})
df["text"] = df.mood.map(review)
vocabulary = sorted({w for text in df.text for w in text.split()})
counts = np.array([[text.split().count(w) for w in vocabulary] for text in df.text], dtype=np.float32)
counts = (counts - counts[:800].mean(0)) / counts[:800].std(0)
x, y = torch.tensor(counts), torch.tensor(df.mood.map(list(moods).index).to_numpy())

train_loader = DataLoader(TensorDataset(x[:800], y[:800]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[800:], y[800:]), batch_size=200)


class ReviewNet(nn.Module):
    def __init__(self, words, keep):
        super().__init__()
        self.enter = nn.Linear(words, 48)
        self.middle = nn.Linear(48, 24)
        self.leave = nn.Linear(24, 3)
        self.drop = nn.Dropout(keep)  # fault
        # fixed: self.drop = nn.Dropout(1 - keep)

    def forward(self, x):
        x = self.drop(torch.relu(self.enter(x)))
        x = self.drop(torch.relu(self.middle(x)))
        return self.leave(x)


model = ReviewNet(len(vocabulary), keep=0.97)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / 200
    print("validation accuracy", right)


if __name__ == "__main__":
    train()
