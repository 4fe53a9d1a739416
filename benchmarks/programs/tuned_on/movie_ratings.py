"""Matrix factorisation with side features: sparse embeddings have their own optimizer.

code: ND603
also:
object: optimizer | dense | optimizers | zero_grad | side
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

USERS, FILMS = 60, 50


class Ratings(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        t = torch.Generator().manual_seed(5)
        u, f = torch.randn(USERS, 3, generator=t), torch.randn(FILMS, 3, generator=t)
        self.user = torch.randint(0, USERS, (n,), generator=g)
        self.film = torch.randint(0, FILMS, (n,), generator=g)
        self.side = torch.randn(n, 4, generator=g)
        self.stars = .5 * (u[self.user] * f[self.film]).sum(1) + .5 * self.side[:, 0] - .3 * self.side[:, 1] + .1 * torch.randn(n, generator=g)

    def __len__(self):
        return len(self.stars)

    def __getitem__(self, i):
        return (self.user[i], self.film[i], self.side[i]), self.stars[i]


class Factors(nn.Module):
    def __init__(self, d=8):
        super().__init__()
        self.user, self.film = nn.Embedding(USERS, d, sparse=True), nn.Embedding(FILMS, d, sparse=True)
        for e in (self.user, self.film):
            nn.init.normal_(e.weight, std=.3)
        self.side = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, row):
        u, f, side = row
        return (self.user(u) * self.film(f)).sum(-1) + self.side(side).squeeze(-1)


torch.manual_seed(45)
train_loader = DataLoader(Ratings(2400, 1), batch_size=60, shuffle=True)
val_loader = DataLoader(Ratings(600, 2), batch_size=100)
model = Factors()
loss_fn = nn.MSELoss()
sparse = torch.optim.SparseAdam([model.user.weight, model.film.weight], lr=.01)
dense = torch.optim.SGD(model.side.parameters(), lr=.05)  # here
optimizer = (sparse, dense)


def train():
    for epoch in range(6):
        total = 0.
        for row, stars in train_loader:
            loss = loss_fn(model(row), stars)
            sparse.zero_grad()  # fault
            # fixed: sparse.zero_grad(); dense.zero_grad()
            loss.backward()  # here
            for o in optimizer:
                o.step()  # here
            total += loss.item()
        with torch.no_grad():
            val = sum(loss_fn(model(r), s).item() for r, s in val_loader) / len(val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
