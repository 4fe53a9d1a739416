"""Biased matrix factorisation of star ratings.

code: none
trait: zero-initialised biases, sparse embedding gradients with two optimizers, rows that a batch never touches, targets kept in stars because the head starts at their mean
object:
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(100)
torch.manual_seed(100)
USERS, MOVIES, K = 150, 120, 6

pu, qi = np.random.randn(USERS, 3) * 0.6, np.random.randn(MOVIES, 3) * 0.6
bu, bi = np.random.randn(USERS) * 0.35, np.random.randn(MOVIES) * 0.45
pairs = np.random.permutation(USERS * MOVIES)[:7000]
u, i = pairs // MOVIES, pairs % MOVIES
stars = 3.5 + bu[u] + bi[i] + (pu[u] * qi[i]).sum(1) + 0.3 * np.random.randn(len(u))
stars = np.clip(np.round(stars * 2) / 2, 0.5, 5)

ids = torch.tensor(np.stack([u, i], 1))
stars = torch.tensor(stars, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(ids[:6000], stars[:6000]), batch_size=128, shuffle=True)
val_loader = DataLoader(TensorDataset(ids[6000:], stars[6000:]), batch_size=500)


class BiasedMF(nn.Module):
    def __init__(self, mean):
        super().__init__()
        self.user = nn.Embedding(USERS, K, sparse=True)
        self.movie = nn.Embedding(MOVIES, K, sparse=True)
        self.user_bias = nn.Embedding(USERS, 1, sparse=True)
        self.movie_bias = nn.Embedding(MOVIES, 1, sparse=True)
        self.mean = nn.Parameter(torch.tensor(float(mean)))
        for e in (self.user, self.movie):
            nn.init.normal_(e.weight, std=0.1)
        for e in (self.user_bias, self.movie_bias):
            nn.init.zeros_(e.weight)

    def forward(self, ids):
        u, m = ids[:, 0], ids[:, 1]
        dot = (self.user(u) * self.movie(m)).sum(1)
        return self.mean + self.user_bias(u)[:, 0] + self.movie_bias(m)[:, 0] + dot


model = BiasedMF(stars[:6000].mean())
loss_fn = nn.MSELoss()
tables = [p for n, p in model.named_parameters() if n != "mean"]
optimizer = (torch.optim.SparseAdam(tables, lr=0.01), torch.optim.Adam([model.mean], lr=1e-3))


def rmse():
    model.eval()
    with torch.no_grad():
        se = sum(((model(x).clamp(0.5, 5) - y) ** 2).sum().item() for x, y in val_loader)
    return (se / 1000) ** 0.5


def train():
    for epoch in range(7):
        model.train()
        total = 0.0
        for x, y in train_loader:
            for o in optimizer:
                o.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            for o in optimizer:
                o.step()
            total += loss.item() * len(x)
        print(f"epoch {epoch}: train mse {total / 6000:.4f} val rmse {rmse():.4f}")
    return total / 6000


if __name__ == "__main__":
    print(train())
