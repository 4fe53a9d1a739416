"""Claim or no claim? Categorical columns of a policy go through embeddings.

code: ND203
also: ND601
object: embeds | Policy | dict | Embedding
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(45)
torch.manual_seed(45)
SIZES = {"region": 40, "vehicle": 50, "trade": 30}
effect = {c: rng.normal(0, 2.0, n) for c, n in SIZES.items()}
frame = pd.DataFrame({c: rng.integers(0, n, 3000) for c, n in SIZES.items()})
score = sum(effect[c][frame[c]] for c in SIZES) + rng.normal(0, 0.3, 3000)
frame["claim"] = (score > np.median(score)).astype("float32")


class Policies(Dataset):
    def __init__(self, part):
        self.codes = torch.tensor(part[list(SIZES)].to_numpy())
        self.claim = torch.tensor(part["claim"].to_numpy())

    def __len__(self):
        return len(self.claim)

    def __getitem__(self, i):
        return self.codes[i], self.claim[i]


class Policy(nn.Module):
    def __init__(self, dim=3):
        super().__init__()
        self.embeds = {c: nn.Embedding(n, dim) for c, n in SIZES.items()}  # fault
        # fixed: self.embeds = nn.ModuleDict({c: nn.Embedding(n, dim) for c, n in SIZES.items()})
        self.net = nn.Sequential(nn.Linear(dim * len(SIZES), 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, codes):
        parts = [self.embeds[c](codes[:, i]) for i, c in enumerate(SIZES)]
        return self.net(torch.cat(parts, 1)).squeeze(1)


train_loader = DataLoader(Policies(frame[:2400]), batch_size=60, shuffle=True)
val_loader = DataLoader(Policies(frame[2400:]), batch_size=200)
model = Policy()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(12):
        model.train()
        for codes, claim in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(codes), claim)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = torch.cat([(model(c) > 0) == (y > 0.5) for c, y in val_loader])
    print("val accuracy %.3f" % ok.float().mean().item())


if __name__ == "__main__":
    train()
