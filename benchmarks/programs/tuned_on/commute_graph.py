"""Which towns get a new rail stop: two graph-convolution layers over commuter flows, one graph per county.

code: ND102
also:
object: population | node_features | column 0 | County | train_loader | x
seen: both
"""
import random
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(8)
random.seed(8)
NODES = 14


class County(Dataset):
    def __init__(self, n):
        self.items = [self.make() for _ in range(n)]

    def make(self):
        pos = torch.rand(NODES, 2)
        dist = torch.cdist(pos, pos)
        adj = (dist < 0.35).float()
        adj = adj / adj.sum(1, keepdim=True)
        people = torch.exp(torch.randn(NODES) * 0.8 + 9.5)
        cars = torch.rand(NODES)
        jobs = torch.randn(NODES)
        need = (people.log() - 9.5) + 1.5 * (adj @ jobs) - 2 * (cars - 0.5)
        return self.node_features(people, cars, jobs, pos), adj, (need > 0.3).float()

    @staticmethod
    def node_features(people, cars, jobs, pos):
        return torch.stack([
            people,  # fault
            # fixed: (people.log() - 9.5) / 0.8,
            (cars - 0.5) * 3.4,
            jobs,
            (pos[:, 0] - 0.5) * 3.4,
            (pos[:, 1] - 0.5) * 3.4,
        ], 1)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        x, adj, y = self.items[i]
        return (x, adj), y


train_loader = DataLoader(County(220), batch_size=20, shuffle=True)  # here
val_loader = DataLoader(County(60), batch_size=60)


class GraphConv(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.own = nn.Linear(i, o)
        self.nbr = nn.Linear(i, o, bias=False)

    def forward(self, x, adj):
        return self.own(x) + torch.bmm(adj, self.nbr(x))


class RailNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.g1 = GraphConv(5, 32)
        self.g2 = GraphConv(32, 32)
        self.score = nn.Linear(32, 1)

    def forward(self, graph):
        x, adj = graph
        h = torch.tanh(self.g1(x, adj))
        h = torch.relu(self.g2(h, adj))
        return self.score(h).squeeze(-1)


model = RailNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train(epochs=15):
    for e in range(epochs):
        model.train()
        running = []
        for g, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(g), y)
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = [((model(g) > 0) == y.bool()).float().mean().item() for g, y in val_loader]
    return sum(running) / len(running)


if __name__ == "__main__":
    print(train())
