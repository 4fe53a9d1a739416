"""Predict the humidity of a greenhouse from vents, sun, rain and soil; SGD with lookahead weights.

code: ND705
also:
object: slow | Lookahead | sync
seen: watch
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Lookahead:
    """k fast steps, then the fast weights go back to the slow ones, which have moved a part of the way."""

    def __init__(self, params, k=5, alpha=0.5):
        self.params, self.k, self.alpha, self.count = list(params), k, alpha, 0
        self.slow = [p.detach().clone() for p in self.params]

    @torch.no_grad()
    def sync(self):
        self.count += 1
        if self.count % self.k:
            return
        for p, s in zip(self.params, self.slow):
            s = s + self.alpha * (p - s)  # fault
            # fixed: s.add_(p - s, alpha=self.alpha)
            p.copy_(s)  # here


rng = np.random.default_rng(8)
X = rng.normal(size=(1600, 7))
target = np.sin(1.5 * X[:, 0]) + 0.8 * X[:, 1] * X[:, 2] + 0.6 * X[:, 3] + 0.1 * rng.normal(size=1600)
target = (target - target[:1300].mean()) / target[:1300].std()
X, target = torch.tensor(X).float(), torch.tensor(target).float().unsqueeze(1)
train_loader = DataLoader(TensorDataset(X[:1300], target[:1300]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(X[1300:], target[1300:]), batch_size=300)

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(7, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.08, momentum=0.8)
lookahead = Lookahead(model.parameters())


def train():
    model.train()
    for epoch in range(20):
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
            lookahead.sync()


if __name__ == "__main__":
    train()
