"""Loan default: applications with holes are dropped, then logistic-style MLP.

code: ND104
also:
object: default | y | labels | clean | drop_incomplete | train_loader
seen: both
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

prng = np.random.RandomState(5)
n = 2000
applications = np.column_stack([
    prng.lognormal(10, 0.5, n),      # income
    prng.lognormal(9, 0.7, n),       # loan
    prng.randint(300, 850, n),       # score
    prng.uniform(0, 30, n),          # years employed
    prng.poisson(1.0, n),            # delays
]).astype(float)
risk = 1.3 * np.log(applications[:, 1] / applications[:, 0]) - (applications[:, 2] - 575) / 90 + 0.9 * applications[:, 4] - applications[:, 3] / 15
default = (risk + 0.3 * prng.randn(n) > np.median(risk)).astype(np.float32)
applications[prng.choice(n, 90, replace=False), 3] = np.nan
applications[prng.choice(n, 60, replace=False), 2] = np.nan


def drop_incomplete(table, labels):
    clean = table[~np.isnan(table).any(axis=1)]
    labels = labels[:len(clean)]  # fault
    # fixed: labels = labels[~np.isnan(table).any(axis=1)]
    return clean, labels


X, y = drop_incomplete(applications, default)  # here
X[:, :2] = np.log(X[:, :2])
shuffled = prng.permutation(len(X))
train_rows, val_rows = shuffled[:1450], shuffled[1450:]
mu, sigma = X[train_rows].mean(0), X[train_rows].std(0)
X = ((X - mu) / sigma).astype(np.float32)
make = lambda rows: TensorDataset(torch.as_tensor(X[rows]), torch.as_tensor(y[rows]))
torch.manual_seed(3)
train_loader = DataLoader(make(train_rows), batch_size=58, shuffle=True)  # here
val_loader = DataLoader(make(val_rows), batch_size=512)  # here


class Scorecard(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(5, 24)
        self.b = nn.Linear(24, 1)

    def forward(self, x):
        return self.b(F.gelu(self.a(x))).flatten()


model = Scorecard()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = optim.NAdam(model.parameters(), lr=5e-3)


def train():
    trace = []
    for epoch in range(10):
        model.train()
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            trace.append(float(loss.detach()))
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), t).item() for x, t in val_loader])
    return float(np.mean(trace[-25:]))


if __name__ == "__main__":
    print(train())
