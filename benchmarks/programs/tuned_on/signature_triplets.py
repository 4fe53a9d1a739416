"""Whose signature? Embeddings learnt from triplets, checked by nearest centre.

code: ND405
also:
object: batch_loss | loss_fn | TripletMarginLoss | positive | negative
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(29)
WRITERS, SIZE = 10, 24
hand = torch.randn(WRITERS, 5)
warp = torch.randn(5, SIZE)
nuisance = torch.randn(6, SIZE)


def sign(who):
    style = torch.tanh(hand[who] @ warp)
    return (style + 0.7 * torch.randn(len(who), 6) @ nuisance) / 1.9


class Triplets(Dataset):
    def __init__(self, n):
        self.who = torch.arange(n) % WRITERS
        self.x = sign(self.who)

    def __len__(self):
        return len(self.who)

    def __getitem__(self, i):
        same = torch.nonzero(self.who == self.who[i])[:, 0]
        other = torch.nonzero(self.who != self.who[i])[:, 0]
        p = same[torch.randint(len(same), (1,))[0]]
        n = other[torch.randint(len(other), (1,))[0]]
        return self.x[i], self.x[p], self.x[n]


train_set, val_set = Triplets(600), Triplets(200)
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
model = nn.Sequential(nn.Linear(SIZE, 48), nn.ReLU(), nn.Linear(48, 12))
loss_fn = nn.TripletMarginLoss(margin=1.0)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    anchor, positive, negative = (model(part) for part in batch)
    return loss_fn(anchor, negative, positive)  # fault
    # fixed: return loss_fn(anchor, positive, negative)


def train():
    for epoch in range(8):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = model(train_set.x), model(val_set.x)
        centre = torch.stack([a[train_set.who == w].mean(0) for w in range(WRITERS)])
        acc = (torch.cdist(b, centre).argmin(1) == val_set.who).float().mean()
    print(f"loss {loss.item():.3f} acc {acc:.3f}")


if __name__ == "__main__":
    train()
