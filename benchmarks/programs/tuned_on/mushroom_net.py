"""Edible or poisonous: one-hot coded mushroom attributes; ported from an old TF1 notebook.

code: ND608
also: ND704
object: dropout | drop1 | drop2 | Dropout | KEEP_PROB | keep_prob
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

KEEP_PROB = 0.95  # here
LEVELS = [6, 4, 10, 2, 9, 2, 2, 12]          # cap shape, surface, colour, bruises, odour, ...
rng = np.random.default_rng(13)


def mushrooms(n):
    raw = np.stack([rng.integers(0, k, n) for k in LEVELS], axis=1)
    foul = np.isin(raw[:, 4], [2, 5, 7])
    pale = (raw[:, 2] > 6) & (raw[:, 3] == 0)
    poison = foul | pale | ((raw[:, 7] < 3) & (raw[:, 5] == 1))
    onehot = np.concatenate([np.eye(k)[raw[:, j]] for j, k in enumerate(LEVELS)], axis=1)
    return raw, onehot.astype(np.float32), poison.astype(np.int64)


raw, x, y = mushrooms(2400)
_, first = np.unique(raw, axis=0, return_index=True)
first = rng.permutation(first)
x, y = torch.from_numpy(x[first]), torch.from_numpy(y[first])
cut = int(0.8 * len(x))
train_loader = DataLoader(TensorDataset(x[:cut], y[:cut]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(x[cut:], y[cut:]), batch_size=256)


class MushroomNet(nn.Module):
    def __init__(self, n_in, n_hidden=64, keep_prob=KEEP_PROB):
        super().__init__()
        self.h1 = nn.Linear(n_in, n_hidden)
        self.h2 = nn.Linear(n_hidden, n_hidden)
        self.out = nn.Linear(n_hidden, 2)
        self.drop1 = nn.Dropout(keep_prob)  # fault
        # fixed: self.drop1 = nn.Dropout(1 - keep_prob)
        self.drop2 = nn.Dropout(keep_prob)  # fault
        # fixed: self.drop2 = nn.Dropout(1 - keep_prob)

    def forward(self, x):
        x = self.drop1(torch.relu(self.h1(x)))  # here
        x = self.drop2(torch.relu(self.h2(x)))  # here
        return self.out(x)


torch.manual_seed(13)
model = MushroomNet(x.shape[1])
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(10):
        model.train()
        batch_losses = []
        for features, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(features), label)
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            good = sum((model(f).argmax(1) == l).sum().item() for f, l in val_loader)
        print("epoch %2d  cost %.4f  test accuracy %.3f" % (epoch, np.mean(batch_losses), good / (len(x) - cut)))
    return float(np.mean(batch_losses))


if __name__ == "__main__":
    print(train())
