"""Strength of concrete mixes, own k-fold helper, first fold.

code: ND105
also:
object: fold | folds | val_idx | train_idx | val_loader | train_loader
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, SubsetRandomSampler, TensorDataset

torch.manual_seed(70)


def mixes(n=1200):
    parts = torch.rand(n, 7)
    ratio = parts[:, 3] / (parts[:, 0] + 0.5)
    strength = 30 - 18 * ratio + 9 * parts[:, 6].sqrt() + 4 * parts[:, 1] * parts[:, 4] + torch.randn(n)
    z = (parts - parts.mean(0)) / parts.std(0)
    return z, ((strength - strength.mean()) / strength.std()).unsqueeze(1)


class Folds:
    """contiguous folds over a permutation; some slack for uneven sizes"""

    def __init__(self, n, k, seed):
        self.order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        self.size = n // k

    def fold(self, f):
        lo = f * self.size
        hi = lo + self.size
        slack = self.size // 6
        val_idx = self.order[lo:hi]
        train_idx = torch.cat([self.order[:lo], self.order[hi - slack:]])  # fault
        # fixed: train_idx = torch.cat([self.order[:lo], self.order[hi:]])
        return train_idx.tolist(), val_idx.tolist()  # here


data = TensorDataset(*mixes())
train_idx, val_idx = Folds(len(data), 5, seed=3).fold(0)  # here
train_loader = DataLoader(data, batch_size=48, sampler=SubsetRandomSampler(train_idx))  # here
val_loader = DataLoader(data, batch_size=240, sampler=val_idx)  # here


class Strength(nn.Module):
    def __init__(self, d_in=7, width=36):
        super().__init__()
        self.enter = nn.Linear(d_in, width)
        self.gate = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.leave = nn.Linear(width, 1)

    def forward(self, x):
        h = torch.tanh(self.enter(x))
        h = h + torch.sigmoid(self.gate(h)) * self.value(h)
        return self.leave(h)


model = Strength()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)


def train():
    for epoch in range(14):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
        scheduler.step(val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
