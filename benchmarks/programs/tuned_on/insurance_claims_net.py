"""Will a policy lead to a claim? Columns of the customer and the policy number as an embedding.

code: ND703
also:
object: policy | policy_id | ids | embedding
seen: watch
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(97)
N = 1200
df = pd.DataFrame({"age": rng.normal(size=N), "power": rng.normal(size=N), "town": rng.integers(0, 12, N)})
df["policy"] = rng.permutation(N)
town_risk = rng.normal(size=12)
logit = 1.2 * df.age - 1.0 * df.power + town_risk[df.town] + 0.8 * df.age * df.power
df["claim"] = (rng.random(N) < 1 / (1 + np.exp(-logit))).astype(float)
# categorical columns that get an embedding
categorical = ["town", "policy"]  # fault
# fixed: categorical = ["town"]
SIZES = {"town": (12, 4), "policy": (N, 24)}


class Policies(Dataset):
    def __init__(self, part):
        self.cats = torch.tensor(part[categorical].to_numpy())
        self.nums = torch.tensor(part[["age", "power"]].to_numpy()).float()
        self.claim = torch.tensor(part.claim.to_numpy()).float()

    def __len__(self):
        return len(self.claim)

    def __getitem__(self, i):
        return self.cats[i], self.nums[i], self.claim[i]


class Tabular(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.ModuleList(nn.Embedding(*SIZES[c]) for c in categorical)
        width = 2 + sum(SIZES[c][1] for c in categorical)
        self.mlp = nn.Sequential(nn.Linear(width, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, cats, nums):
        parts = [e(cats[:, j]) for j, e in enumerate(self.emb)]
        return self.mlp(torch.cat(parts + [nums], 1)).squeeze(1)


torch.manual_seed(97)
train_loader = DataLoader(Policies(df[:900]), batch_size=60, shuffle=True)
val_loader = DataLoader(Policies(df[900:]), batch_size=300)
model = Tabular()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
history = []


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    cats, nums, claim = batch
    return nn.functional.binary_cross_entropy_with_logits(net(cats, nums), claim)


def train():
    for epoch in range(24):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            history.append(sum(batch_loss(model, b).item() for b in val_loader) / len(val_loader))


if __name__ == "__main__":
    train()
