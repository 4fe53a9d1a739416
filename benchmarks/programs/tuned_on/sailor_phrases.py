"""Next word in sailors' phrases; the output layer is meant to share the word vectors.

code: ND204
also:
object: out_table | words | clone | Phrases | register_buffer
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(58)
WORDS, LONG, DIM = 60, 10, 10
follow = torch.stack([torch.randperm(WORDS) for _ in range(2)])


def phrases(n):
    s = torch.randint(0, WORDS, (n, LONG))
    for t in range(1, LONG):
        s[:, t] = follow[(torch.rand(n) < 0.1).long(), s[:, t - 1]]
    return TensorDataset(s)


train_loader = DataLoader(phrases(800), batch_size=40, shuffle=True)
val_loader = DataLoader(phrases(200), batch_size=100)


class Phrases(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, DIM)
        nn.init.normal_(self.words.weight, std=0.02)
        self.mix = nn.Sequential(nn.Linear(DIM, 64), nn.ReLU(), nn.Linear(64, DIM))
        self.register_buffer("out_table", self.words.weight.detach().clone())  # fault
        # fixed: self.out_table = self.words.weight
        self.bias = nn.Parameter(torch.zeros(WORDS))

    def forward(self, s):
        return F.linear(self.mix(self.words(s)), self.out_table, self.bias)  # here


model = Phrases()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    (s,) = batch
    return F.cross_entropy(model(s[:, :-1]).reshape(-1, WORDS), s[:, 1:].reshape(-1))


def train():
    for epoch in range(12):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val nll %.3f" % (sum(batch_loss(model, b).item() for b in val_loader) / 2))


if __name__ == "__main__":
    train()
