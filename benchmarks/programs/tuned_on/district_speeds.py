"""Speed on every road of a district (nodes differ in number), dense GCN over padded adjacency matrices.

code: ND113
also:
object: masked_mse | batch_loss | mask | error
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

MAX_ROADS = 30


class Districts(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.graphs = []
        for _ in range(n):
            k = int(torch.randint(6, MAX_ROADS, (1,), generator=g))
            xy = torch.rand(k, 2, generator=g)
            adj = (torch.cdist(xy, xy) < 0.25).float()
            adj.fill_diagonal_(1.0)
            adj = adj / adj.sum(1, keepdim=True)
            x = torch.randn(k, 4, generator=g)
            load = adj @ (adj @ x[:, :2]).tanh().sum(1, keepdim=True)
            speed = 0.6 - 1.0 * load + 0.4 * x[:, 2:3] + 0.1 * torch.randn(k, 1, generator=g)
            self.graphs.append((x, adj, speed))

    def __len__(self):
        return len(self.graphs)

    def __getitem__(self, i):
        return self.graphs[i]


def stack_graphs(graphs):
    n = len(graphs)
    x, adj = torch.zeros(n, MAX_ROADS, 4), torch.zeros(n, MAX_ROADS, MAX_ROADS)
    speed, mask = torch.zeros(n, MAX_ROADS, 1), torch.zeros(n, MAX_ROADS, 1)
    for i, (a, b, c) in enumerate(graphs):
        k = len(a)
        x[i, :k], adj[i, :k, :k], speed[i, :k], mask[i, :k] = a, b, c, 1.0
    return {"x": x, "adj": adj, "speed": speed, "mask": mask}


class GCN(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.self1, self.near1 = nn.Linear(4, hidden), nn.Linear(4, hidden, bias=False)
        self.self2, self.near2 = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x, adj):
        h = torch.tanh(self.self1(x) + self.near1(adj @ x))
        h = torch.tanh(self.self2(h) + self.near2(adj @ h))
        return self.out(h)


def masked_mse(guess, truth, mask):
    error = (guess - truth).square()
    return error.mean()  # fault
    # fixed: return (error * mask).sum() / mask.sum()


def batch_loss(setup, batch):
    return masked_mse(setup.model(batch["x"], batch["adj"]), batch["speed"], batch["mask"])  # here


torch.manual_seed(0)
train_loader = DataLoader(Districts(320, 1), batch_size=16, shuffle=True, collate_fn=stack_graphs)
val_loader = DataLoader(Districts(64, 2), batch_size=32, collate_fn=stack_graphs)
model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        losses = []
        for b in train_loader:
            optimizer.zero_grad()
            loss = masked_mse(model(b["x"], b["adj"]), b["speed"], b["mask"])  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        e = [(((model(b["x"], b["adj"]) - b["speed"]) ** 2 * b["mask"]).sum() / b["mask"].sum()).item() for b in val_loader]
    model.train()
    print("val mse on roads", sum(e) / len(e))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
