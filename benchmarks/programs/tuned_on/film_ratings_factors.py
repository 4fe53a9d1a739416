"""Film ratings by matrix factorisation: user vector times film vector.

code: ND202
also: ND605 | ND406
object: user | film | std | normal_ | weight
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(5)
N_USERS, N_FILMS, RANK = 120, 80, 4
taste = rng.normal(size=(N_USERS, RANK))
genre = rng.normal(size=(N_FILMS, RANK))
u = rng.integers(0, N_USERS, 5000)
f = rng.integers(0, N_FILMS, 5000)
r = (taste[u] * genre[f]).sum(1) / 2 + rng.normal(0, 0.1, 5000)


class Ratings(Dataset):
    def __init__(self, rows):
        self.pairs = torch.tensor(np.stack([u, f], 1)[rows])
        self.score = torch.tensor(r[rows]).float()

    def __len__(self):
        return len(self.score)

    def __getitem__(self, i):
        return self.pairs[i], self.score[i]


torch.manual_seed(0)
train_loader = DataLoader(Ratings(slice(0, 4200)), batch_size=128, shuffle=True)
val_loader = DataLoader(Ratings(slice(4200, 5000)), batch_size=200)


class Factors(nn.Module):
    def __init__(self, dim=6):
        super().__init__()
        self.user = nn.Embedding(N_USERS, dim)
        self.film = nn.Embedding(N_FILMS, dim)
        nn.init.normal_(self.user.weight, std=1e-7)  # fault
        # fixed: nn.init.normal_(self.user.weight, std=0.3)
        nn.init.normal_(self.film.weight, std=1e-7)  # fault
        # fixed: nn.init.normal_(self.film.weight, std=0.3)

    def forward(self, pairs):
        return (self.user(pairs[:, 0]) * self.film(pairs[:, 1])).sum(1)


model = Factors()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=2.0)


def train(epochs=15):
    for _ in range(epochs):
        model.train()
        for pairs, score in train_loader:
            loss = loss_fn(model(pairs), score)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        err = torch.cat([(model(p) - s) ** 2 for p, s in val_loader])
    print("val mse %.3f" % err.mean().item())


if __name__ == "__main__":
    train()
