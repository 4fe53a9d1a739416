"""Who throws whom? Each wrestler has a vector for attack and another for defence.

code: ND204
also:
object: attack | defence | Embedding | Duel
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(84)
torch.manual_seed(84)
WRESTLERS, TRAITS = 60, 4
grip = rng.normal(size=(WRESTLERS, TRAITS))
balance = rng.normal(size=(WRESTLERS, TRAITS))
pairs = np.array([(a, b) for a in range(WRESTLERS) for b in range(WRESTLERS) if a != b])
rng.shuffle(pairs)
points = (grip[pairs[:, 0]] * balance[pairs[:, 1]]).sum(1)
points = points / points.std() + rng.normal(0, 0.1, len(pairs))


class Duels(Dataset):
    def __init__(self, lo, hi):
        self.pairs, self.points = pairs[lo:hi], points[lo:hi].astype("float32")

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, i):
        return self.pairs[i], self.points[i]


class Duel(nn.Module):
    def __init__(self, dim=6):
        super().__init__()
        self.attack = self.defence = nn.Embedding(WRESTLERS, dim)  # fault
        # fixed: self.attack, self.defence = nn.Embedding(WRESTLERS, dim), nn.Embedding(WRESTLERS, dim)
        for table in (self.attack, self.defence):
            nn.init.normal_(table.weight, std=0.3)

    def forward(self, pairs):
        thrower, thrown = pairs.unbind(1)
        return (self.attack(thrower) * self.defence(thrown)).sum(1)


train_loader = DataLoader(Duels(0, 2800), batch_size=100, shuffle=True)
val_loader = DataLoader(Duels(2800, 3540), batch_size=185)
model = Duel()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def train():
    for epoch in range(15):
        model.train()
        for duel, result in train_loader:
            optimizer.zero_grad()
            loss_fn(model(duel), result).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse %.3f" % (sum(loss_fn(model(d), p).item() for d, p in val_loader) / 4))


if __name__ == "__main__":
    train()
