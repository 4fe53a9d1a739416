"""Nesting depth at every bracket of a string, with one block applied again and again.

code: none
trait: the same block object four times in a row, residual scales that start at zero, no causal mask, cumulative outputs at every position
"""
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

LENGTH, DEEPEST = 24, 6


def brackets(rng):
    out, depth = [], 0
    for i in range(LENGTH):
        left = LENGTH - i
        if depth == 0 or (depth < DEEPEST and depth < left and rng.random() < 0.5):
            out.append(rng.randint(0, 3)); depth += 1
        else:
            out.append(rng.randint(4, 7)); depth -= 1
    return out


class Strings(Dataset):
    def __init__(self, n, seed):
        rng = random.Random(seed)
        self.s = torch.tensor([brackets(rng) for _ in range(n)])
        self.d = torch.cumsum(torch.where(self.s < 4, 1, -1), 1).clamp(0, DEEPEST)

    def __len__(self):
        return len(self.s)

    def __getitem__(self, i):
        return self.s[i], self.d[i]


class Shared(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.look = nn.GRU(d, d, batch_first=True)
        self.ff = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        self.a = nn.Parameter(torch.zeros(d))
        self.b = nn.Parameter(torch.zeros(d))

    def forward(self, h):
        h = h + self.a * self.look(self.norm(h))[0]
        return h + self.b * self.ff(h)


class Parser(nn.Module):
    def __init__(self, d=24, times=4):
        super().__init__()
        self.char = nn.Embedding(8, d)
        block = Shared(d)
        self.blocks = nn.Sequential(*[block] * times)
        self.depth = nn.Linear(d, DEEPEST + 1)

    def forward(self, s):
        return self.depth(self.blocks(self.char(s)))


torch.manual_seed(25)
train_loader = DataLoader(Strings(640, 1), batch_size=40, shuffle=True)
val_loader = DataLoader(Strings(120, 2), batch_size=60)
model = Parser()


def loss_fn(logits, depth):
    return F.cross_entropy(logits.mT, depth)


optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def train():
    for epoch in range(5):
        model.train()
        log = []
        for s, d in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(s), d)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(s).argmax(-1) == d).flatten() for s, d in val_loader]).float().mean()
        print(epoch, sum(log) / len(log), acc.item())
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())
