"""Trust score of invoices in small company graphs: graph attention where some companies trade with nobody.

code: ND309
also:
object: adj | att | attention | GraphAttention | gat
seen: both
"""
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Companies(Dataset):
    def __init__(self, n, seed, nodes=8):
        g = torch.Generator().manual_seed(seed)
        self.x = torch.randn(n, nodes, 4, generator=g)
        a = (torch.rand(n, nodes, nodes, generator=g) < 0.25).float().triu(1)
        self.a = a + a.mT
        deg = self.a.sum(-1, keepdim=True)
        self.y = (self.x[..., :1] + (self.a @ self.x[..., 1:2]) / deg.clamp(min=1)).squeeze(-1)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return {"x": self.x[i], "adj": self.a[i], "trust": self.y[i]}


class GraphAttention(nn.Module):
    def __init__(self, d_in, d):
        super().__init__()
        self.w = nn.Linear(d_in, d, bias=False)
        self.src, self.dst = nn.Linear(d, 1), nn.Linear(d, 1)

    def forward(self, x, adj):
        h = self.w(x)
        e = F.leaky_relu(self.src(h) + self.dst(h).mT, 0.2)
        a = torch.softmax(e.masked_fill(adj == 0, -1e9), -1)  # fault
        # fixed: a = torch.softmax(e.masked_fill(adj == 0, -1e9), -1) * (adj.sum(-1, keepdim=True) > 0)
        return a @ h  # here


class Trust(nn.Module):
    def __init__(self):
        super().__init__()
        self.gat = GraphAttention(4, 16)
        self.own = nn.Linear(4, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x, adj):
        return self.out(F.elu(self.gat(x, adj) + self.own(x))).squeeze(-1)


torch.manual_seed(29)
train_loader = DataLoader(Companies(300, 0), batch_size=30, shuffle=True)
val_loader = DataLoader(Companies(60, 1), batch_size=60)
model = Trust()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["x"], batch["adj"]), batch["trust"])


def train():
    for _ in range(8):
        model.train()
        s = []
        for b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(b["x"], b["adj"]), b["trust"])
            loss.backward()
            optimizer.step()
            s.append(loss.item())
        model.eval()
        with torch.no_grad():
            [loss_fn(model(b["x"], b["adj"]), b["trust"]) for b in val_loader]
    return sum(s) / len(s)


if __name__ == "__main__":
    print(train())
