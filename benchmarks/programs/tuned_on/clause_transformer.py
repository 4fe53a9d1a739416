"""Sorts contract clauses into five kinds with a stack of home-made transformer blocks.

code: ND204
also:
object: blocks | blocks.0 | blocks.1 | blocks.2 | blocks.3
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

VOCAB, LENGTH, KINDS = 90, 16, 5


class Clauses(Dataset):
    """The kind is told by which pair of marker words stands in the clause."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.kind = torch.randint(KINDS, (n,), generator=g)
        self.words = torch.randint(20, VOCAB, (n, LENGTH), generator=g)
        first, second = self.kind, 5 + (self.kind * 2) % 5
        for row in range(n):
            a, b, c = torch.randperm(LENGTH, generator=g)[:3].tolist()
            self.words[row, a] = first[row]
            self.words[row, b] = second[row]
            self.words[row, c] = 10 + int(torch.randint(10, (), generator=g))

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return self.words[i], self.kind[i]


class Block(nn.Module):
    def __init__(self, dim, heads=4):
        super().__init__()
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.n1, self.n2 = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def forward(self, h):
        z = self.n1(h)
        h = h + self.attn(z, z, z, need_weights=False)[0]
        return h + self.mlp(self.n2(h))


class ClauseModel(nn.Module):
    def __init__(self, dim=32, depth=4):
        super().__init__()
        self.words = nn.Embedding(VOCAB, dim)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, dim))
        self.blocks = nn.ModuleList([Block(dim)] * depth)  # fault
        # fixed: self.blocks = nn.ModuleList([Block(dim) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, KINDS)

    def forward(self, words):
        h = self.words(words) + self.place
        for block in self.blocks:  # here
            h = block(h)
        return self.head(self.norm(h.mean(1)))


torch.manual_seed(12)
model = ClauseModel()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
train_loader = DataLoader(Clauses(480, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Clauses(120, 1), batch_size=60)


def train():
    for epoch in range(4):
        model.train()
        total = 0.0
        for words, kind in train_loader:
            loss = loss_fn(model(words), kind)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(w).argmax(1) == k).sum().item() for w, k in val_loader) / 120
        print(epoch, total / len(train_loader), acc)
    return total / len(train_loader)


if __name__ == "__main__":
    train()
