"""Will a small power grid stay stable? Message passing over its lines, written by hand.

code: ND202
also: ND406 | ND503
object: weight | randn | Dense | n_in
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

gen = torch.Generator().manual_seed(21)
torch.manual_seed(21)
NODES = 10


class Grids(Dataset):
    def __init__(self, count):
        lines = (torch.rand(count, NODES, NODES, generator=gen) < 0.3).float()
        lines = torch.triu(lines, 1)
        lines = lines + lines.transpose(1, 2) + torch.eye(NODES)
        self.adj = lines / lines.sum(-1, keepdim=True)
        self.nodes = torch.randn(count, NODES, 6, generator=gen)
        flow = self.adj @ self.nodes
        stress = (flow[..., 0] * flow[..., 1] + flow[..., 2].abs() * 0.8).mean(1)
        self.stable = (stress < stress.median()).long()

    def __len__(self):
        return len(self.stable)

    def __getitem__(self, i):
        return self.adj[i], self.nodes[i], self.stable[i]


class Dense(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out))  # fault
        # fixed: self.weight = nn.Parameter(torch.randn(n_in, n_out) * (2 / n_in) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias


class GridNet(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.first, self.second = Dense(6, width), Dense(width, width)
        self.third, self.last = Dense(width, width), Dense(width, 2)

    def forward(self, adj, nodes):
        h = torch.relu(self.first(adj @ nodes))
        h = torch.relu(self.second(h))
        h = torch.relu(self.third(h.mean(1)))
        return self.last(h)


whole = Grids(2000)
parts = torch.utils.data.random_split(whole, [1600, 400], generator=gen)
train_loader = DataLoader(parts[0], batch_size=40, shuffle=True)
val_loader = DataLoader(parts[1], batch_size=100)
model = GridNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    adj, nodes, stable = batch
    return loss_fn(setup.model(adj, nodes), stable)


def train():
    for epoch in range(10):
        model.train()
        for adj, nodes, stable in train_loader:
            optimizer.zero_grad()
            loss_fn(model(adj, nodes), stable).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        scores = [loss_fn(model(a, n), s).item() for a, n, s in val_loader]
        acc = [(model(a, n).argmax(1) == s).float().mean().item() for a, n, s in val_loader]
    print("val loss", sum(scores) / len(scores), "acc", sum(acc) / len(acc))


if __name__ == "__main__":
    train()
