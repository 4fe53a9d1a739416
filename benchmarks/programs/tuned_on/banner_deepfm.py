"""Click-through on banners: DeepFM with first-order, pairwise and deep parts.

code: ND206
also: ND303
object: deep | deep.0.weight | deep.2.weight | deep.0
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIELDS = [6, 8, 5, 6]


class DeepFM(nn.Module):
    def __init__(self, fields, k=6):
        super().__init__()
        self.register_buffer("offsets", torch.tensor([0] + fields[:-1]).cumsum(0))
        self.first = nn.Embedding(sum(fields), 1)
        self.factors = nn.Embedding(sum(fields), k)
        self.deep = nn.Sequential(nn.Linear(k * len(fields), 32), nn.ReLU(), nn.Linear(32, 1))  # here
        self.bias = nn.Parameter(torch.zeros(1))
        nn.init.normal_(self.first.weight, std=0.05)
        nn.init.normal_(self.factors.weight, std=0.2)

    def forward(self, ids):
        ids = ids + self.offsets
        linear = self.first(ids).sum((1, 2))
        v = self.factors(ids)
        pair = 0.5 * (v.sum(1).square() - v.square().sum(1)).sum(-1)
        deep = self.deep(v.flatten(1)).squeeze(-1)
        parts = [linear, pair, deep]
        return self.bias + sum(parts[:2])  # fault
        # fixed: return self.bias + sum(parts)


torch.manual_seed(17)
ids = torch.stack([torch.randint(0, f, (1500,)) for f in FIELDS], 1)
table = torch.randn(6, 8, 5)
true = 1.5 * table[ids[:, 0], ids[:, 1], ids[:, 2]] + torch.randn(6)[ids[:, 0]] + torch.randn(6)[ids[:, 3]]
click = (true + 0.3 * torch.randn(1500) > 0).float()
train_loader = DataLoader(TensorDataset(ids[:1200], click[:1200]), batch_size=100, shuffle=True)
val_loader = DataLoader(TensorDataset(ids[1200:], click[1200:]), batch_size=300)
model = DeepFM(FIELDS)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                logloss = loss_fn(model(x), y).item()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
