"""Graph classification of small made-up enzymes with hand-written graph convolutions (dense adjacency).

code: ND203
also:
object: convs | self.convs | model.convs | GraphConv
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class GraphConv(nn.Module):
    """H' = relu(D^-1 (A + I) H W)"""

    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.linear = nn.Linear(in_dim, out_dim)

    def forward(self, h, adj):
        adj = adj + torch.eye(adj.size(-1))
        adj = adj / adj.sum(-1, keepdim=True)
        return F.relu(self.linear(adj @ h))


class EnzymeGNN(nn.Module):
    def __init__(self, in_dim=4, hidden=32, n_layers=3, n_classes=3):
        super().__init__()
        self.embed = nn.Linear(in_dim, hidden)
        self.convs = [GraphConv(hidden, hidden) for _ in range(n_layers)]  # fault
        # fixed: self.convs = nn.ModuleList([GraphConv(hidden, hidden) for _ in range(n_layers)])
        self.readout = nn.Linear(2 * hidden, n_classes)

    def forward(self, h, adj):
        h = self.embed(h)
        for conv in self.convs:  # here
            h = h + conv(h, adj)
        return self.readout(torch.cat([h.mean(1), h.max(1).values], dim=-1))


class Enzymes(Dataset):
    """Twelve residues each; the class is the way they are bonded (ring, star, two blobs)."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        for i in range(n):
            kind = int(torch.randint(3, (1,), generator=g))
            a = torch.zeros(12, 12)
            idx = torch.arange(12)
            if kind == 0:
                a[idx, (idx + 1) % 12] = 1
            elif kind == 1:
                a[0, 1:] = 1
            else:
                a[:6, :6] = 1
                a[6:, 6:] = 1
            a = ((a + a.T) > 0).float()
            noise = (torch.rand(12, 12, generator=g) < 0.08).float().triu(1)
            a = ((a + noise + noise.T) > 0).float().fill_diagonal_(0)
            perm = torch.randperm(12, generator=g)
            a = a[perm][:, perm]
            degree = a.sum(1, keepdim=True)
            x = torch.cat([(degree - 3) / 2 + 0.5 * torch.randn(12, 1, generator=g),
                           torch.randn(12, 3, generator=g)], 1)
            self.items.append((x, a, kind))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


torch.manual_seed(12)
train_loader = DataLoader(Enzymes(384, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Enzymes(96, 2), batch_size=96)
model = EnzymeGNN()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)  # here


def batch_loss(setup, batch):
    x, adj, y = batch
    return loss_fn(setup.model(x, adj), y)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for x, adj, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x, adj), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(x, a).argmax(-1) == y).float().mean().item() for x, a, y in val_loader) / len(val_loader)
        print(f"Epoch {epoch:02d}  Loss {total / len(train_loader):.4f}  Acc {acc:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
