"""Fills in film scores: each viewer rated a few of forty films, the rest of the row is filler.

code: ND113
also:
object: FILL | rated | batch_loss | scores | Viewers
seen: both
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(44)
r = np.random.default_rng(44)
FILMS, FILL = 40, 0.0
film_taste = r.normal(0, 1, (3, FILMS))


class Viewers(Dataset):
    """(known scores, scores to guess); a viewer's unused places are filled up with FILL."""

    def __init__(self, n):
        taste = r.normal(0, 1, (n, 3))
        stars = np.clip(3 + 0.6 * taste @ film_taste + r.normal(0, 0.2, (n, FILMS)), 1, 5)
        self.known = np.full((n, FILMS), FILL, np.float32)
        self.scores = np.full((n, FILMS), FILL, np.float32)
        for v in range(n):
            films = r.permutation(FILMS)
            count = r.integers(14, 22)
            shown, asked = films[:count], films[count:count + r.integers(3, 9)]
            self.known[v, shown] = stars[v, shown] - 3
            self.scores[v, asked] = stars[v, asked]

    def __len__(self):
        return len(self.known)

    def __getitem__(self, v):
        return self.known[v], self.scores[v]


class Taste(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(FILMS, 16)
        self.decode = nn.Linear(16, FILMS)
        nn.init.constant_(self.decode.bias, 3.0)

    def forward(self, known):
        return self.decode(torch.tanh(self.encode(known)))


train_loader = DataLoader(Viewers(900), batch_size=45, shuffle=True)
val_loader = DataLoader(Viewers(300), batch_size=300)
model = Taste()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    known, scores = batch
    guess = net(known)
    rated = scores != FILL
    return F.mse_loss(guess, scores)  # fault
    # fixed: return F.mse_loss(guess[rated], scores[rated])


def train():
    for epoch in range(25):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        known, scores = next(iter(val_loader))
        rated = scores != FILL
        off = (model(known) - scores)[rated].abs().mean().item()
    print(f"val mean error on rated films {off:.3f} stars")


if __name__ == "__main__":
    train()
