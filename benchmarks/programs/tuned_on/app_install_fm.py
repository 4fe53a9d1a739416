"""Predicts whether an app is installed after an ad was shown (second-order factorisation machine).

code: ND201
also: ND501
object: factors | factors.weight
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

FIELDS = {"segment": 24, "category": 18, "country": 12, "hour": 24, "weekday": 7}
OFFSETS = torch.tensor([0, 24, 42, 54, 78])
N_SLOTS = sum(FIELDS.values())


def simulate(n=6000, seed=11):
    g = torch.Generator().manual_seed(seed)
    taste = torch.randn(N_SLOTS, 3, generator=g) * 0.9
    cols = [torch.randint(0, size, (n,), generator=g) for size in FIELDS.values()]
    slots = torch.unique(torch.stack(cols, 1) + OFFSETS, dim=0)
    n = len(slots)
    v = taste[slots]
    score = 0.5 * (v.sum(1).pow(2) - v.pow(2).sum(1)).sum(1)
    y = (torch.rand(n, generator=g) < torch.sigmoid(1.2 * (score - score.mean()))).float()
    return slots, y


class FactorizationMachine(nn.Module):
    def __init__(self, slots, k):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))
        self.linear = nn.Embedding(slots, 1)
        self.factors = nn.Embedding(slots, k)  # here
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.factors.weight)  # fault
        # fixed: nn.init.normal_(self.factors.weight, std=0.1)

    def forward(self, slots):
        v = self.factors(slots)
        pair = 0.5 * (v.sum(1).square() - v.square().sum(1)).sum(-1)  # here
        return self.bias + self.linear(slots).sum((1, 2)) + pair


torch.manual_seed(3)
train_set, val_set = random_split(TensorDataset(*simulate()), [0.8, 0.2])
train_loader = DataLoader(train_set, batch_size=250, shuffle=True)
val_loader = DataLoader(val_set, batch_size=500)
model = FactorizationMachine(N_SLOTS, 6)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def log_loss(loader):
    model.eval()
    with torch.no_grad():
        parts = [(loss_fn(model(s), y).item() * len(y), len(y)) for s, y in loader]
    return sum(a for a, _ in parts) / sum(b for _, b in parts)


def train(epochs=10):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for slots, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(slots), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        log_loss(val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
