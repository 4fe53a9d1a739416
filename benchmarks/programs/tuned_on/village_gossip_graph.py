"""Which villagers have heard exactly one of two rumours in their circle? Graph convolutions.

code: ND205
also:
object: GraphConv | forward | conv1 | conv2 | Linear
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(12)
NODES = 10


class Villages(Dataset):
    def __init__(self, n):
        edge = (torch.rand(n, NODES, NODES) < 0.15).float()
        adj = ((edge + edge.transpose(1, 2)) > 0).float()
        adj = torch.maximum(adj, torch.eye(NODES))
        self.adj = adj / adj.sum(2, keepdim=True)
        self.heard = torch.bernoulli(torch.full((n, NODES, 2), 0.22))
        near = (self.adj @ self.heard) > 0
        self.target = (near[..., 0] ^ near[..., 1]).float()
        self.heard = (self.heard - 0.22) / 0.41

    def __len__(self):
        return len(self.adj)

    def __getitem__(self, i):
        return self.adj[i], self.heard[i], self.target[i]


class GraphConv(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.lin = nn.Linear(a, b)

    def forward(self, adj, h):
        return self.lin(adj @ h)


class Gossip(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.conv1 = GraphConv(2, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, adj, h):
        h = self.conv1(adj, h)  # fault
        # fixed: h = torch.relu(self.conv1(adj, h))
        h = self.mid(h)  # fault
        # fixed: h = torch.relu(self.mid(h))
        return self.out(h).squeeze(-1)


train_loader = DataLoader(Villages(400), batch_size=20, shuffle=True)
val_loader = DataLoader(Villages(100), batch_size=50)
model = Gossip()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    adj, heard, target = batch
    return loss_fn(model(adj, heard), target)


def train():
    for epoch in range(20):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = torch.cat([((model(a, h) > 0) == (t > 0.5)).flatten() for a, h, t in val_loader])
    print("val accuracy %.3f" % ok.float().mean())


if __name__ == "__main__":
    train()
