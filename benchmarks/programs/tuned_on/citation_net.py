"""Topics of papers in a citation graph with two graph convolutions (Kipf & Welling style, full batch).

code: ND202
also: ND406
object: gc1.weight | gc2.weight | GraphConvolution | gc1 | gc2 | weight
seen: checkup
"""
import math
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(8)
np.random.seed(8)

N, VOCAB, TOPICS = 300, 200, 4
topic = np.random.randint(0, TOPICS, N)
word_p = np.full((TOPICS, VOCAB), 0.03)
for t in range(TOPICS):
    word_p[t, t * 50:(t + 1) * 50] = 0.1
words = (np.random.rand(N, VOCAB) < word_p[topic]).astype(np.float32)
same = topic[:, None] == topic[None, :]
links = np.triu(np.random.rand(N, N) < np.where(same, 0.04, 0.004), 1)
A = torch.tensor((links | links.T).astype(np.float32)) + torch.eye(N)
d = A.sum(1).rsqrt()
adj = d[:, None] * A * d[None, :]

features = torch.tensor(words)
features = features - features.mean(0)
features = features / features.std(0)
labels = torch.tensor(topic)
perm = torch.randperm(N)
idx_train, idx_val = perm[:200], perm[200:]


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_features, out_features))  # fault
        # fixed: self.weight = nn.Parameter(torch.randn(in_features, out_features) / math.sqrt(in_features))
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, x, adj):
        support = x @ self.weight
        return adj @ support + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout=0.5):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)  # here
        self.gc2 = GraphConvolution(nhid, nclass)  # here
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return self.gc2(x, adj)


model = GCN(VOCAB, 64, TOPICS)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
train_loader = [(features, adj, labels, idx_train)]
val_loader = [(features, adj, labels, idx_val)]


def batch_loss(setup, batch):
    x, a, y, idx = batch
    return loss_fn(setup.model(x, a)[idx], y[idx])


def train():
    last = []
    for epoch in range(40):
        model.train()
        optimizer.zero_grad()
        logits = model(features, adj)
        loss = loss_fn(logits[idx_train], labels[idx_train])
        loss.backward()
        optimizer.step()
        last.append(loss.item())
        if epoch % 10 == 9 or epoch == 0:
            model.eval()
            with torch.no_grad():
                out = model(features, adj)
                val = loss_fn(out[idx_val], labels[idx_val])
                acc = (out[idx_val].argmax(1) == labels[idx_val]).float().mean()
            print(f"Epoch {epoch + 1:04d} loss_train {loss:.4f} loss_val {val:.4f} acc_val {acc:.3f}")
    return sum(last[-5:]) / 5


if __name__ == "__main__":
    print(train())
