"""Graph convolution for small padded molecules: is there a ring oxygen next to a nitrogen?

code: ND308
also: ND310
object: degree | inv_sqrt | normalise | adj | gcn
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(19)
MAX_ATOMS, KINDS = 9, 4


def chain_with_ring(n, g):
    a = torch.zeros(MAX_ATOMS, MAX_ATOMS)
    for i in range(n - 1):
        a[i, i + 1] = a[i + 1, i] = 1
    j = int(torch.randint(2, n, (1,), generator=g))
    a[0, j] = a[j, 0] = 1
    return a


class Molecules(Dataset):
    def __init__(self, count, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        for _ in range(count):
            n = int(torch.randint(5, MAX_ATOMS + 1, (1,), generator=g))
            adj = chain_with_ring(n, g)
            kind = torch.full((MAX_ATOMS,), -1)
            kind[:n] = torch.randint(0, KINDS, (n,), generator=g)
            feat = torch.zeros(MAX_ATOMS, KINDS)
            feat[torch.arange(n), kind[:n]] = 1
            y = bool(((kind == 0).float() @ adj @ (kind == 1).float()) > 0)
            self.items.append((adj, feat, torch.tensor(float(y))))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        adj, feat, y = self.items[i]
        return (adj, feat), y


def normalise(adj):
    degree = adj.sum(-1)
    inv_sqrt = degree.pow(-0.5)  # fault
    # fixed: inv_sqrt = degree.clamp(min=1).pow(-0.5)
    return inv_sqrt[:, :, None] * adj * inv_sqrt[:, None, :]  # here


class GCN(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.self1, self.nbr1 = nn.Linear(KINDS, width), nn.Linear(KINDS, width)
        self.self2, self.nbr2 = nn.Linear(width, width), nn.Linear(width, width)
        self.readout = nn.Linear(width, 1)

    def forward(self, graph):
        adj, feat = graph
        real = feat.sum(-1, keepdim=True)
        a = normalise(adj)  # here
        h = torch.relu(self.self1(feat) + self.nbr1(a @ feat))
        h = torch.relu(self.self2(h) + self.nbr2(a @ h)) * real
        return self.readout(h.amax(1)).squeeze(-1)


train_loader = DataLoader(Molecules(700, 0), batch_size=50, shuffle=True)
val_loader = DataLoader(Molecules(200, 1), batch_size=100)
model = GCN()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(12):
        model.train()
        ls = []
        for graph, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(graph), y)
            loss.backward()
            optimizer.step()
            ls.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum(((model(g) > 0).float() == y).sum().item() for g, y in val_loader) / 200
        print(epoch, f"{sum(ls) / len(ls):.3f} {acc:.3f}")
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())
