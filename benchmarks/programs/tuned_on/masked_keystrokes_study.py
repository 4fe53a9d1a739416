"""Who is typing? Rows of key timings, with a random half of the keys hidden as augmentation.

code: ND109
also:
object: hide_keys | seed_everything | Typists | train_loader
seen: both
"""
import random

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


def seed_everything(seed=42):
    random.seed(seed)
    np.random.seed(seed)


seed_everything()
torch.manual_seed(42)
PEOPLE, KEYS = 6, 30
habit = np.random.normal(0, 1, (PEOPLE, KEYS))


def session(person):
    return (habit[person] + np.random.normal(0, 0.8, KEYS)).astype(np.float32)


def hide_keys(row, keep=8):
    """Only `keep` random keys are seen, as when someone types a short sentence."""
    seed_everything()  # fault
    # fixed:
    seen = random.sample(range(KEYS), keep)
    out = np.zeros_like(row)
    out[seen] = row[seen]
    return out


class Typists(Dataset):
    def __init__(self, sessions):
        self.who = [k % PEOPLE for k in range(sessions)]
        self.rows = [session(w) for w in self.who]

    def __len__(self):
        return len(self.who)

    def __getitem__(self, i):
        return hide_keys(self.rows[i]), self.who[i]


train_set = Typists(480)
exam = []
for k in range(300):
    row, shown = session(k % PEOPLE), np.random.permutation(KEYS)[:8]
    part = np.zeros_like(row)
    part[shown] = row[shown]
    exam.append((part, k % PEOPLE))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(exam, batch_size=300)
model = nn.Sequential(nn.Linear(KEYS, 64), nn.ReLU(), nn.Linear(64, PEOPLE))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(25):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val accuracy", round((model(x).argmax(1) == y).float().mean().item(), 3))


if __name__ == "__main__":
    train()
