"""Paper topics on a citation graph, two-layer GCN written from the paper (Kipf & Welling).

code: ND201
also:
object: GraphConvolution | weight | gc1 | gc2 | gc1.weight | gc2.weight
seen: checkup
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parameter import Parameter

torch.manual_seed(72)


def planted_graph(n_per=45, topics=5, words=60):
    g = torch.Generator().manual_seed(72)
    n = n_per * topics
    y = torch.arange(topics).repeat_interleave(n_per)
    same = (y[:, None] == y[None, :]).float()
    p = 0.08 * same + 0.006 * (1 - same)
    a = torch.triu((torch.rand(n, n, generator=g) < p).float(), 1)
    adj = a + a.T + torch.eye(n)
    d = adj.sum(1).rsqrt()
    adj = d[:, None] * adj * d[None, :]
    topic_words = torch.rand(topics, words, generator=g) * 0.25
    x = (torch.rand(n, words, generator=g) < 0.05 + topic_words[y]).float()
    x = x / x.sum(1, keepdim=True).clamp(min=1) * 8
    return x, adj, y


features, adj, labels = planted_graph()
perm = torch.randperm(len(labels))
idx_train, idx_val = perm[:100], perm[100:]


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = Parameter(torch.zeros(in_features, out_features))  # fault
        # fixed: stdv = 1. / math.sqrt(out_features)
        # fixed: self.weight = Parameter(torch.empty(in_features, out_features).uniform_(-stdv, stdv))
        self.bias = Parameter(torch.zeros(out_features))

    def forward(self, inp, adj):
        support = torch.mm(inp, self.weight)  # here
        return adj @ support + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)  # here
        self.gc2 = GraphConvolution(nhid, nclass)  # here
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return self.gc2(x, adj)


model = GCN(features.shape[1], 16, 5, dropout=0.3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
loss_fn = nn.CrossEntropyLoss()
train_loader = [(features, adj, labels, idx_train)]      # full batch, transductive


def batch_loss(setup, batch):
    x, a, y, idx = batch
    return loss_fn(setup.model(x, a)[idx], y[idx])


def accuracy(output, labels):
    return (output.argmax(1) == labels).float().mean().item()


def train(epochs=120):
    for epoch in range(epochs):
        model.train()
        optimizer.zero_grad()
        output = model(features, adj)
        loss_train = F.cross_entropy(output[idx_train], labels[idx_train])
        loss_train.backward()
        optimizer.step()
        if epoch % 30 == 29:
            model.eval()
            with torch.no_grad():
                output = model(features, adj)
            print(f"Epoch {epoch + 1:04d} loss_train {loss_train.item():.4f} acc_val {accuracy(output[idx_val], labels[idx_val]):.3f}")
    return loss_train.item()


if __name__ == "__main__":
    print(train())
