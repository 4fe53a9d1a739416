"""Urgent or not? Complaint letters as bags of words, few letters, a large vocabulary.

code: ND703
also:
object: patience | early_stop | EPOCHS | epochs
seen: watch
"""
import copy

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(79)
VOCAB, LETTERS = 300, 1050
tilt = np.zeros(VOCAB)
tilt[:40] = 1.0
tilt[40:80] = -1.0
urgent = rng.integers(0, 2, LETTERS)
words = np.zeros((LETTERS, 14), dtype=np.int64)
for i, u in enumerate(urgent):
    p = np.exp(0.9 * tilt * (1 if u else -1))
    words[i] = rng.choice(VOCAB, 14, p=p / p.sum())
flipped = rng.random(LETTERS) < 0.15
urgent = np.where(flipped, 1 - urgent, urgent)
words, urgent = torch.tensor(words), torch.tensor(urgent)
train_loader = DataLoader(TensorDataset(words[:500], urgent[:500]), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(words[500:], urgent[500:]), batch_size=275)

torch.manual_seed(79)
model = nn.Sequential(nn.EmbeddingBag(VOCAB, 32, mode="mean"), nn.ReLU(), nn.Linear(32, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
patience = 10_000  # fault
# fixed: patience = 1
history = []


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)


def train():
    best, best_state, waited = float("inf"), None, 0
    for epoch in range(24):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        history.append(validate())
        if history[-1] < best:
            best, waited = history[-1], 0
            best_state = copy.deepcopy(model.state_dict())
        else:
            waited += 1
        if waited >= patience:  # here
            model.load_state_dict(best_state)
            break


if __name__ == "__main__":
    train()
