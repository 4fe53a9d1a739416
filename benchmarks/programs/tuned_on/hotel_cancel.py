"""Cancelled hotel bookings: room and channel as embeddings plus numbers.

code: ND107
also:
object: weight | loss_fn | loss_fn.weight | class_weight
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split

r = np.random.default_rng(9)
N = 2000
room = r.integers(0, 4, N)
channel = r.integers(0, 6, N)
numbers = np.column_stack([r.gamma(2, 12, N), r.normal(45, 15, N), r.poisson(1.5, N), r.normal(0, 1, N)])
score = -3.1 + .5 * (room == 2) + .9 * (numbers[:, 2] - 1.5) - .05 * (numbers[:, 0] - 24) + .03 * (numbers[:, 1] - 45)
cancelled = (r.random(N) < 1 / (1 + np.exp(-score))).astype(int)

train_i, val_i = train_test_split(np.arange(N), test_size=.2, stratify=cancelled, random_state=2)
numbers = (numbers - numbers[train_i].mean(0)) / numbers[train_i].std(0)


class Bookings(torch.utils.data.Dataset):
    def __init__(self, index):
        self.cats = torch.tensor(np.column_stack([room, channel])[index])
        self.nums = torch.tensor(numbers[index], dtype=torch.float32)
        self.y = torch.tensor(cancelled[index])

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"cats": self.cats[i], "nums": self.nums[i]}, self.y[i]


class BookingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.room = nn.Embedding(4, 3)
        self.channel = nn.Embedding(6, 3)
        self.mlp = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(.1), nn.Linear(32, 2))

    def forward(self, batch):
        c = batch["cats"]
        return self.mlp(torch.cat([self.room(c[:, 0]), self.channel(c[:, 1]), batch["nums"]], -1))


def class_weight(labels):
    counts = np.bincount(labels)
    weight = counts / counts.sum() * len(counts)  # fault
    # fixed: weight = counts.sum() / (counts * len(counts))
    return torch.tensor(weight, dtype=torch.float32)


torch.manual_seed(0)
train_loader = torch.utils.data.DataLoader(Bookings(train_i), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(Bookings(val_i), batch_size=200)
model = BookingNet()
loss_fn = nn.CrossEntropyLoss(weight=class_weight(cancelled[train_i]))  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def recalls():
    model.eval()
    with torch.no_grad():
        pred, true = zip(*[(model(x).argmax(1), y) for x, y in val_loader])
    pred, true = torch.cat(pred), torch.cat(true)
    return [(pred[true == k] == k).float().mean().item() for k in (0, 1)]


def train():
    for _ in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    print("recall per class", recalls())
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
