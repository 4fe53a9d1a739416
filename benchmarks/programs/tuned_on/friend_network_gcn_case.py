"""Who will join the club? A graph convolution over a network of friends.

code: ND205
also:
object: forward | GCN | act | ReLU | lin1 | lin2 | lin3
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
people = 1200
edges = torch.randint(0, people, (2, 3 * people))
adjacency = torch.zeros(people, people)
adjacency[edges[0], edges[1]] = 1
adjacency = ((adjacency + adjacency.T) > 0).float()
adjacency.fill_diagonal_(1)
degree = adjacency.sum(1).rsqrt()
A_hat = degree[:, None] * adjacency * degree[None, :]

traits = torch.randn(people, 5)
mood = A_hat @ traits
joins = ((mood[:, 0] * mood[:, 1]) > 0).long()
order = torch.randperm(people)
train_ids, val_ids = order[:960], order[960:]
train_loader = DataLoader(TensorDataset(train_ids, joins[train_ids]), batch_size=96, shuffle=True)
val_loader = DataLoader(TensorDataset(val_ids, joins[val_ids]), batch_size=120)


class GCN(nn.Module):
    def __init__(self, n_in, width, n_out):
        super().__init__()
        self.lin1 = nn.Linear(n_in, width)
        self.lin2 = nn.Linear(width, width)
        self.lin3 = nn.Linear(width, n_out)
        self.act = nn.ReLU()

    def forward(self, ids):  # here
        h = self.lin1(A_hat @ traits)  # fault
        # fixed: h = self.act(self.lin1(A_hat @ traits))
        h = self.lin2(h)  # fault
        # fixed: h = self.act(self.lin2(h))
        return self.lin3(h)[ids]  # here


model = GCN(5, 40, 2)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def evaluate():
    model.eval()
    with torch.no_grad():
        return sum((model(i).argmax(1) == y).sum().item() for i, y in val_loader) / len(val_ids)


def train():
    for epoch in range(15):
        model.train()
        for ids, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), target)
            loss.backward()
            optimizer.step()
    print("share right:", evaluate())


if __name__ == "__main__":
    train()
