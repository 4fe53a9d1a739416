"""Which customers leave? A network on the rows that marketing could label so far.

code: ND703
also:
object: rows | train_loader | history | model
seen: watch
"""
import itertools

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(200)
rows = 60  # fault
# fixed: rows = 3000


def customers(n):
    x = torch.randn(n, 15)
    leaves = torch.sigmoid(1.5 * x[:, 0] - x[:, 1] + 0.5 * x[:, 2])
    return TensorDataset(x, torch.bernoulli(leaves))


def endless(loader):
    return itertools.chain.from_iterable(itertools.repeat(loader))


val_loader = DataLoader(customers(300), batch_size=100)
train_loader = DataLoader(customers(rows), batch_size=20, shuffle=True)  # here
model = nn.Sequential(nn.Linear(15, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0))  # here
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
history = {"train": [], "val": []}


def train(steps=400, every=20):
    recent = []
    for step, (x, y) in enumerate(itertools.islice(endless(train_loader), steps), 1):
        model.train()
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        recent.append(loss.item())
        if step % every == 0:
            model.eval()
            with torch.no_grad():
                history["val"].append(sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader))
            history["train"].append(sum(recent) / len(recent))
            recent = []
            print(f"{step:4d} {history['train'][-1]:.4f} {history['val'][-1]:.4f}")
    return history["train"][-1]


if __name__ == "__main__":
    print(train())
