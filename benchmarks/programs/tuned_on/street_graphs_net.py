"""Is a district's street network a grid, a star or grown at random? A message-passing net on adjacency matrices.

code: ND115
also: ND106
object: val_graphs | val_loader | city | survey | noise | missing
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(95)
NODES = 16


def street_map(kind, rng):
    a = np.zeros((NODES, NODES))
    if kind == 0:                                     # 4 x 4 blocks
        for i in range(NODES):
            if i % 4 < 3:
                a[i, i + 1] = 1
            if i < 12:
                a[i, i + 4] = 1
    elif kind == 1:                                   # roads from one square, each going on outwards
        for i in range(1, NODES):
            a[0 if i <= 5 else i - 5, i] = 1
    else:                                             # every street joins an older one
        for i in range(1, NODES):
            a[rng.integers(0, i), i] = 1
            if i > 1 and rng.random() < 0.4:
                a[rng.integers(0, i), i] = 1
    return np.maximum(a, a.T)


def survey(n, city, seed):
    """In the old town every junction is mapped; the map of the new town lacks streets and has crude shortcuts."""
    rng = np.random.default_rng(seed)
    missing, extra = {"old": (0.05, 0.01), "new": (0.35, 0.15)}[city]
    kinds, maps = rng.integers(0, 3, n), []
    for kind in kinds:
        a = street_map(kind, rng)
        a *= rng.random(a.shape) > missing
        a = np.maximum(a, rng.random(a.shape) < extra)
        a = np.triu(a, 1)
        maps.append(a + a.T)
    return TensorDataset(torch.tensor(np.array(maps), dtype=torch.float32), torch.tensor(kinds))


train_graphs = survey(600, "old", seed=1)
val_graphs = survey(200, "new", seed=2)  # fault
# fixed: val_graphs = survey(200, "old", seed=2)
train_loader = DataLoader(train_graphs, batch_size=30, shuffle=True)
val_loader = DataLoader(val_graphs, batch_size=100)


class GraphNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.start = nn.Linear(2, width)
        self.own = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.neighbours = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.out = nn.Linear(2 * width, 3)

    def forward(self, a):
        degree = a.sum(-1, keepdim=True)
        h = torch.relu(self.start(torch.cat([(degree - 2.5) / 1.3, (a @ degree - 8) / 4], -1)))
        for own, neighbours in zip(self.own, self.neighbours):
            h = torch.relu(own(h) + neighbours(a @ h / (degree + 1)))
        return self.out(torch.cat([h.mean(1), h.amax(1)], -1))


model = GraphNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        for a, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), kind)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(a).argmax(1) == kind).sum().item() for a, kind in val_loader)
    print(f"train loss {loss.item():.3f}, val accuracy {hits / 200:.3f}")


if __name__ == "__main__":
    train()
