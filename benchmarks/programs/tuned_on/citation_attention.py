"""Find the field of a paper from its keywords and those of the papers it is linked to (graph attention).

code: ND309
also: ND308 | ND504
object: links | GraphAttention | masked_fill | softmax | adjacency | score | inf
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

g = torch.Generator().manual_seed(33)
torch.manual_seed(33)
PAPERS, FIELDS, WORDS = 500, 4, 16
field = torch.randint(0, FIELDS, (PAPERS,), generator=g)
centres = torch.randn(FIELDS, WORDS, generator=g)
keywords = centres[field] + 1.8 * torch.randn(PAPERS, WORDS, generator=g)
keywords = (keywords - keywords.mean(0)) / keywords.std(0)
same = field[:, None] == field[None, :]
links = torch.rand(PAPERS, PAPERS, generator=g) < torch.where(same, 0.02, 0.001)
links = links | links.T
links.fill_diagonal_(False)  # fault
# fixed: links.fill_diagonal_(True)


class GraphAttention(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = nn.Linear(n_in, n_out, bias=False)
        self.source, self.target = nn.Linear(n_out, 1), nn.Linear(n_out, 1, bias=False)

    def forward(self, h, adjacency):
        h = self.W(h)
        score = F.leaky_relu(self.source(h) + self.target(h).T, 0.2)
        score = score.masked_fill(~adjacency, float("-inf"))  # here
        return F.softmax(score, dim=1) @ h  # here


class PaperNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = GraphAttention(WORDS, 24), GraphAttention(24, FIELDS)

    def forward(self, ids):
        h = F.elu(self.one(keywords, links))
        return self.two(h, links)[ids]  # here


order = torch.randperm(PAPERS, generator=g)
train_loader = DataLoader(TensorDataset(order[:400], field[order[:400]]), batch_size=100, shuffle=True)
val_loader = DataLoader(TensorDataset(order[400:], field[order[400:]]), batch_size=100)
model = PaperNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(20):
        model.train()
        for ids, target in train_loader:
            optimizer.zero_grad()
            loss_fn(model(ids), target).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for ids, target in val_loader:
            out = model(ids)
            print("val loss", loss_fn(out, target).item(), "acc", (out.argmax(1) == target).float().mean().item())


if __name__ == "__main__":
    train()
