"""Who arrives earlier in a queue, the guard or the cook? Attention over a line of people.

code: ND206
also: ND303 | ND501
object: place | Line | forward
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(33)
PEOPLE, SPOTS, DIM = 10, 9, 24


def queues(n):
    line = torch.stack([torch.randperm(PEOPLE)[:SPOTS] for _ in range(n)])
    rows = torch.arange(n)
    spots = torch.rand(n, SPOTS).argsort(1)[:, :2]
    line = torch.where(line < 2, line + 4, line)
    line[rows, spots[:, 0]], line[rows, spots[:, 1]] = 0, 1
    return TensorDataset(line, (spots[:, 0] < spots[:, 1]).float())


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.person = nn.Embedding(PEOPLE, DIM)
        self.place = nn.Embedding(SPOTS, DIM)
        self.attend = nn.MultiheadAttention(DIM, 2, batch_first=True)
        self.norm = nn.LayerNorm(DIM)
        self.score = nn.Sequential(nn.Linear(DIM, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, line):
        h = self.person(line)  # fault
        # fixed: h = self.person(line) + self.place(torch.arange(line.shape[1]))
        h = self.norm(h + self.attend(h, h, h, need_weights=False)[0])
        return self.score(h.mean(1)).squeeze(1)


train_loader = DataLoader(queues(1200), batch_size=60, shuffle=True)
val_loader = DataLoader(queues(300), batch_size=100)
model = Line()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(12):
        model.train()
        for line, first in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(line), first)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = torch.cat([(model(a) > 0) == (b > 0.5) for a, b in val_loader])
    print("val accuracy %.3f" % ok.float().mean().item())


if __name__ == "__main__":
    train()
