"""Rates movies for users with a small factor model (Kaggle style).

code: ND201
also:
object: user_f | item_f | user_f.weight | item_f.weight
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(7)
N_USERS, N_MOVIES, K = 50, 70, 6
taste = rng.normal(size=(N_USERS, 4)) * 0.7
style = rng.normal(size=(N_MOVIES, 4)) * 0.7
pairs = np.array([(u, m) for u in range(N_USERS) for m in range(N_MOVIES)])
rng.shuffle(pairs)
pairs = pairs[:2400]
stars = (taste[pairs[:, 0]] * style[pairs[:, 1]]).sum(1) + rng.normal(size=len(pairs)) * 0.1

torch.manual_seed(7)


class FactorModel(nn.Module):
    def __init__(self, n_users, n_movies, k):
        super().__init__()
        self.user_f = nn.Embedding(n_users, k)  # here
        self.item_f = nn.Embedding(n_movies, k)  # here
        self.user_b = nn.Embedding(n_users, 1)
        self.item_b = nn.Embedding(n_movies, 1)
        self.reset()

    def reset(self):
        for table in (self.user_f, self.item_f):
            nn.init.constant_(table.weight, 0.3)  # fault
            # fixed: nn.init.normal_(table.weight, std=0.3)
        for bias in (self.user_b, self.item_b):
            nn.init.zeros_(bias.weight)

    def forward(self, ids):
        u, m = ids[:, 0], ids[:, 1]
        score = (self.user_f(u) * self.item_f(m)).sum(-1)
        return score + self.user_b(u).squeeze(-1) + self.item_b(m).squeeze(-1)


X, y = torch.from_numpy(pairs), torch.from_numpy(stars).float()
train_loader = DataLoader(TensorDataset(X[:2000], y[:2000]), batch_size=100, shuffle=True)
val_loader = DataLoader(TensorDataset(X[2000:], y[2000:]), batch_size=200)
model = FactorModel(N_USERS, N_MOVIES, K)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def train(epochs=12):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for ids, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), target)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(target)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(i), t).item() * len(t) for i, t in val_loader) / 400
    return total / 2000


if __name__ == "__main__":
    print(train())
