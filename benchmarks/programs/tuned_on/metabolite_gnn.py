"""Two-layer graph convolution over a metabolite network: to which pathway does a node belong?

code: ND201
also: ND202
object: gc1.weight | gc2.weight | model.gc1.weight | model.gc2.weight | GraphConvolution | weight | gc1 | gc2
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(123)
N, PATHWAYS, FEATS = 180, 4, 24

# --- the graph -------------------------------------------------------------
labels = torch.randint(PATHWAYS, (N,))
same = labels[:, None] == labels[None, :]
edge = torch.rand(N, N) < torch.where(same, 0.10, 0.01)
adj = torch.triu(edge, 1).float()
adj = adj + adj.T + torch.eye(N)
deg = adj.sum(1).rsqrt()
adj_norm = deg[:, None] * adj * deg[None, :]
centres = torch.randn(PATHWAYS, FEATS) * 0.5
features = centres[labels] + torch.randn(N, FEATS)

perm = torch.randperm(N)
idx_train, idx_val = perm[:90], perm[90:]


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(in_features, out_features))  # fault
        # fixed: self.weight = nn.Parameter(torch.empty(in_features, out_features))
        # fixed: nn.init.xavier_uniform_(self.weight)
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, x, adj):
        return adj @ (x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout=0.3):
        super().__init__()
        self.gc1 = GraphConvolution(nfeat, nhid)  # here
        self.gc2 = GraphConvolution(nhid, nclass)  # here
        self.dropout = dropout
        self.register_buffer("adj", adj_norm)

    def forward(self, x):
        x = F.relu(self.gc1(x, self.adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.gc2(x, self.adj), dim=1)


model = GCN(FEATS, 32, PATHWAYS)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
loss_fn = None
train_loader = [(features, labels, idx_train)]


def batch_loss(setup, batch):
    x, y, idx = batch
    return F.nll_loss(setup.model(x)[idx], y[idx])


def train(epochs=100):
    for epoch in range(epochs):
        for x, y, idx in train_loader:
            model.train()
            optimizer.zero_grad()
            loss = F.nll_loss(model(x)[idx], y[idx])
            loss.backward()
            optimizer.step()
        if epoch % 20 == 19:
            model.eval()
            with torch.no_grad():
                acc = (model(features)[idx_val].argmax(1) == labels[idx_val]).float().mean()
            print(f"Epoch {epoch + 1:04d} loss_train {loss.item():.4f} acc_val {acc:.3f}")
    return loss.item()


if __name__ == "__main__":
    print(train())
