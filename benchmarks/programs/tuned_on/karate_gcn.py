"""Graph convolution on a club network: which trainer does each member follow?

code: ND306
also:
object: GCN | forward | dropout | model | gc1 | gc2
seen: both
"""
import networkx as nx
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(34)
torch.manual_seed(34)
N_CLUBS, SIZE, N_FEAT = 4, 45, 24


def load_clubs():
    graph = nx.planted_partition_graph(N_CLUBS, SIZE, 0.12, 0.012, seed=34)
    labels = np.repeat(np.arange(N_CLUBS), SIZE)
    tastes = np.random.rand(N_CLUBS, N_FEAT) < 0.25
    feats = (np.random.rand(len(labels), N_FEAT) < 0.15 + 0.2 * tastes[labels]).astype(np.float32)
    adj = nx.to_numpy_array(graph, dtype=np.float32) + np.eye(len(labels), dtype=np.float32)
    d = adj.sum(1) ** -0.5
    return torch.from_numpy(d[:, None] * adj * d[None, :]), torch.from_numpy(feats), torch.from_numpy(labels)


adj, features, labels = load_clubs()
features = (features - features.mean(0)) / features.std(0)
perm = torch.randperm(len(labels))
idx_train, idx_val = perm[:100], perm[100:]


class GraphConvolution(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)

    def forward(self, x, adj):
        return adj @ self.linear(x)


class GCN(nn.Module):
    """Scores for the asked nodes, from the whole graph."""

    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)
        self.gc2 = GraphConvolution(nhid, nclass)
        self.dropout = dropout
        self.register_buffer("adj", adj)
        self.register_buffer("x", features)

    def forward(self, nodes):
        x = F.relu(self.gc1(self.x, self.adj))
        x = F.dropout(x, self.dropout)  # fault
        # fixed: x = F.dropout(x, self.dropout, training=self.training)
        x = self.gc2(x, self.adj)
        return x[nodes]


model = GCN(N_FEAT, 16, N_CLUBS, 0.5)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
train_loader = DataLoader(TensorDataset(idx_train, labels[idx_train]), batch_size=100, shuffle=True)
val_loader = DataLoader(TensorDataset(idx_val, labels[idx_val]), batch_size=80)


def train():
    for epoch in range(100):
        model.train()
        for nodes, y in train_loader:
            optimizer.zero_grad()
            loss_train = loss_fn(model(nodes), y)
            loss_train.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for nodes, y in val_loader:
                output = model(nodes)  # here
                acc_val = (output.argmax(1) == y).float().mean()
        if epoch % 20 == 19:
            print(f"Epoch: {epoch + 1:04d} loss_train: {loss_train.item():.4f} acc_val: {acc_val.item():.4f}")
    return loss_train.item()


if __name__ == "__main__":
    print(train())
