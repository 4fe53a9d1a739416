"""Semi-supervised topics of patents in a citation graph (two-layer GCN, Kipf & Welling style).

code: ND306
also:
object: dropout | F.dropout | GCN | training
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

N, C, WORDS = 400, 4, 60


def citation_graph(seed=8):
    g = torch.Generator().manual_seed(seed)
    topic = torch.randint(C, (N,), generator=g)
    same = topic[:, None] == topic[None]
    p = torch.where(same, 0.02, 0.004)
    adj = (torch.rand(N, N, generator=g) < p).float().triu(1)
    adj = adj + adj.T
    rate = torch.full((C, WORDS), 0.08)
    for c in range(C):
        rate[c, c * 15:(c + 1) * 15] = 0.16
    words = (torch.rand(N, WORDS, generator=g) < rate[topic]).float()
    return words, adj, topic


def normalize(adj):
    adj = adj + torch.eye(len(adj))
    d = adj.sum(1).rsqrt()
    return d[:, None] * adj * d[None]


class GraphConvolution(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(i, o)))
        self.bias = nn.Parameter(torch.zeros(o))

    def forward(self, x, adj):
        return adj @ (x @ self.weight) + self.bias


class GCN(nn.Module):
    """All nodes go through the network; the batch says whose answers are wanted."""

    def __init__(self, features, adj, hidden=32, dropout=0.5):
        super().__init__()
        self.register_buffer("features", features)
        self.register_buffer("adj", adj)
        self.gc1 = GraphConvolution(features.size(1), hidden)
        self.gc2 = GraphConvolution(hidden, C)
        self.dropout = dropout

    def forward(self, nodes):
        x = F.dropout(self.features, self.dropout)  # fault
        # fixed: x = F.dropout(self.features, self.dropout, training=self.training)
        x = F.relu(self.gc1(x, self.adj))
        x = F.dropout(x, self.dropout)  # fault
        # fixed: x = F.dropout(x, self.dropout, training=self.training)
        return self.gc2(x, self.adj)[nodes]


words, adj, topic = citation_graph()
words = (words - words.mean(0)) / words.std(0)
nodes = torch.randperm(N, generator=torch.Generator().manual_seed(0))
train_nodes, val_nodes = nodes[:240], nodes[240:]
train_loader = DataLoader(TensorDataset(train_nodes, topic[train_nodes]), batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(val_nodes, topic[val_nodes]), batch_size=160)

torch.manual_seed(8)
model = GCN(words, normalize(adj))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)


def test():
    model.eval()
    with torch.no_grad():
        out = [(loss_fn(model(n), t).item(), (model(n).argmax(1) == t).float().mean().item()) for n, t in val_loader]  # here
    return out[0]


def train():
    history = []
    for epoch in range(25):
        model.train()
        for n, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(n), t)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        if epoch % 5 == 4:
            print("Epoch: %03d loss_train: %.4f loss_val: %.4f acc_val: %.4f" % ((epoch, history[-1]) + test()))
    return sum(history[-8:]) / 8


if __name__ == "__main__":
    print(train())
