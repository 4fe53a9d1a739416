"""Toxic or not: graph convolution over small random molecules, dense normalised adjacency.

code: ND201
also: ND202
object: weight | conv1 | conv2 | GraphConv | conv1.weight | conv2.weight
seen: both
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

torch.manual_seed(12)
MAX_ATOMS, N_ELEMENTS = 10, 5


class GraphConv(nn.Module):
    """Kipf & Welling layer, batched."""

    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(in_features, out_features))  # here
        if bias:
            self.bias = nn.Parameter(torch.zeros(out_features))
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        nn.init.constant_(self.weight, stdv)  # fault
        # fixed: nn.init.uniform_(self.weight, -stdv, stdv)

    def forward(self, x, adj):
        return adj @ (x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.conv1 = GraphConv(N_ELEMENTS, hidden)  # here
        self.conv2 = GraphConv(hidden, hidden)  # here
        self.readout = nn.Linear(hidden, 1)

    def forward(self, x, adj, mask):
        h = F.relu(self.conv1(x, adj))
        h = F.relu(self.conv2(h, adj))
        h = (h * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return self.readout(h).squeeze(-1)


def molecule():
    n = int(torch.randint(6, MAX_ATOMS + 1, ()))
    kinds = torch.randint(0, N_ELEMENTS, (n,))
    a = torch.zeros(MAX_ATOMS, MAX_ATOMS)
    for i in range(1, n):
        j = int(torch.randint(0, i, ()))
        a[i, j] = a[j, i] = 1
    # element 0 bound to element 1 makes it toxic
    bad = ((kinds[:, None] == 0) & (kinds[None] == 1) & (a[:n, :n] > 0)).any()
    x = torch.zeros(MAX_ATOMS, N_ELEMENTS)
    x[torch.arange(n), kinds] = 1
    mask = (torch.arange(MAX_ATOMS) < n).float()
    a = a + torch.diag(mask)
    d = a.sum(1).clamp(min=1).rsqrt()
    return x, d[:, None] * a * d[None], mask, bad.float()


def balanced(n):
    pos, neg = [], []
    while min(len(pos), len(neg)) < n // 2:
        m = molecule()
        (pos if m[3] else neg).append(m)
    return pos[: n // 2] + neg[: n // 2]


train_loader = DataLoader(balanced(480), batch_size=32, shuffle=True)
val_loader = DataLoader(balanced(120), batch_size=60)
model = GCN()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def batch_loss(setup, batch):
    x, adj, mask, y = batch
    return loss_fn(setup.model(x, adj, mask), y)


def train(epochs=12):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, adj, mask, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x, adj, mask), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(x, a, m) > 0) == (y > 0) for x, a, m, y in val_loader]).float().mean()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
