"""Estimate a chess player's rating group (beginner, club, master) from statistics of twenty games.

code: ND104
also:
object: y | labels | order | perm | x | train_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(17)
torch.manual_seed(17)

centres = np.array([[90, 4.5, 0.30, 22], [55, 2.5, 0.45, 34], [25, 0.8, 0.55, 45]])
spreads = np.array([18, 1.0, 0.08, 6])
labels = np.repeat([0, 1, 2], 400)
stats = centres[labels] + rng.normal(size=(1200, 4)) * spreads      # centipawn loss, blunders, wins, moves
stats = (stats - stats.mean(0)) / stats.std(0)

order = rng.permutation(len(stats))
x = torch.tensor(stats[order], dtype=torch.float32)
y = torch.tensor(labels[rng.permutation(len(labels))])  # fault
# fixed: y = torch.tensor(labels[order])

train_loader = DataLoader(TensorDataset(x[:960], y[:960]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(x[960:], y[960:]), batch_size=240)


class RatingNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.inner = nn.Linear(4, width)
        self.norm = nn.LayerNorm(width)
        self.outer = nn.Linear(width, 3)

    def forward(self, x):
        return self.outer(torch.relu(self.norm(self.inner(x))))


model = RatingNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)


def accuracy():
    model.eval()
    with torch.no_grad():
        return np.mean([(model(a).argmax(1) == b).float().mean().item() for a, b in val_loader])


def train():
    for epoch in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    print(f"val accuracy {accuracy():.3f}")


if __name__ == "__main__":
    train()
