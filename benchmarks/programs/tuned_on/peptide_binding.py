"""Does a peptide bind? A pair of residues must both be present; one head of attention written out by hand.

code: ND304
also:
object: softmax | attend | weights | scores
seen: checkup
"""
import torch
from torch import nn

torch.manual_seed(8)
RESIDUES, LENGTH, WIDTH = 20, 14, 32


def attend(q, k, v):
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    weights = torch.softmax(scores, 1)  # fault
    # fixed: weights = torch.softmax(scores, -1)
    return weights @ v  # here


class Binder(nn.Module):
    def __init__(self):
        super().__init__()
        self.residue = nn.Embedding(RESIDUES, WIDTH)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        self.q = nn.Linear(WIDTH, WIDTH)
        self.k = nn.Linear(WIDTH, WIDTH)
        self.v = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.score = nn.Sequential(nn.Linear(WIDTH, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, peptide):
        h = self.residue(peptide) + self.place
        h = self.norm(h + attend(self.q(h), self.k(h), self.v(h)))  # here
        return self.score(h.mean(1)).squeeze(-1)


def peptides(n):
    x = torch.randint(0, RESIDUES, (n, LENGTH))
    has = lambda r: (x == r).any(1)
    y = ((has(0) | has(1)) & (has(2) | has(3))).float()
    return x, y


x, y = peptides(1600)
train_loader = torch.utils.data.DataLoader(list(zip(x[:1300], y[:1300])), batch_size=50, shuffle=True)
val_loader = torch.utils.data.DataLoader(list(zip(x[1300:], y[1300:])), batch_size=100)
model = Binder()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(8):
        model.train()
        tally = 0.
        for peptide, binds in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(peptide), binds)
            loss.backward()
            optimizer.step()
            tally += loss.item()
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(a) > 0) == b.bool() for a, b in val_loader]).float().mean()
        print(f"{epoch} loss {tally / len(train_loader):.3f} acc {acc:.3f}")
    return tally / len(train_loader)


if __name__ == "__main__":
    print(train())
