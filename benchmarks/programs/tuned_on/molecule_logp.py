"""Octanol-water partition of small molecules: graph convolutions over padded adjacency matrices.

code: ND502
also: ND206
object: GraphConv | convs | embed | sigmoid | body
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

ATOMS, SIZE = 6, 10


class Molecules(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.atom = torch.randint(0, ATOMS, (n, SIZE), generator=g)
        bond = (torch.rand(n, SIZE, SIZE, generator=g) < .2).float().triu(1)
        adj = bond + bond.transpose(1, 2) + torch.eye(SIZE)
        degree = adj.sum(-1)
        self.adj = adj / (degree[:, :, None] * degree[:, None]).sqrt()
        part = torch.tensor([.9, -1.2, -.7, .5, .2, .4])[self.atom]
        y = (part * (1 + .3 * degree)).sum(1)
        self.y = y / 4

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return (self.atom[i], self.adj[i]), self.y[i]


class GraphConv(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.lin = nn.Linear(d, d)
        self.norm = nn.LayerNorm(d)  # here

    def forward(self, h, adj):
        return torch.sigmoid(self.lin(adj @ h))  # fault
        # fixed: return h + torch.relu(self.lin(adj @ self.norm(h)))


class LogP(nn.Module):
    def __init__(self, d=32, depth=9):
        super().__init__()
        self.embed = nn.Embedding(ATOMS, d)
        self.convs = nn.ModuleList(GraphConv(d) for _ in range(depth))  # here
        self.readout = nn.Linear(d, 1)

    def forward(self, graph):
        atom, adj = graph
        h = self.embed(atom)
        for conv in self.convs:
            h = conv(h, adj)  # here
        return self.readout(h.mean(1)).squeeze(-1)


torch.manual_seed(22)
train_loader = DataLoader(Molecules(384, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Molecules(96, 2), batch_size=48)
model = LogP()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.
        for graph, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(graph), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
