"""Next thread on a loom: a causal attention layer reads the pattern so far.

code: ND309
also: ND308
object: causal | triu | diagonal | attn_mask | attend
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, IterableDataset

THREADS, LONG, WIDTH = 12, 16, 32


class Loom(IterableDataset):
    """Streams patterns: each row climbs by one, two or three threads, with odd jumps."""

    def __init__(self, n, seed):
        self.n, self.seed = n, seed

    def __len__(self):
        return self.n

    def __iter__(self):
        g = torch.Generator().manual_seed(self.seed)
        step = torch.randint(1, 4, (self.n,), generator=g)
        start = torch.randint(0, THREADS, (self.n,), generator=g)
        jump = torch.rand(self.n, LONG + 1, generator=g) < 0.3
        steps = torch.where(jump, torch.randint(0, THREADS, jump.shape, generator=g), step.view(-1, 1))
        rows = (start.view(-1, 1) + steps.cumsum(1)) % THREADS
        yield from rows[torch.randperm(self.n)]


class Weaver(nn.Module):
    def __init__(self):
        super().__init__()
        self.thread = nn.Embedding(THREADS, WIDTH)
        self.place = nn.Parameter(torch.randn(LONG, WIDTH) * 0.3)
        self.attend = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 64), nn.ReLU(), nn.Linear(64, THREADS))

    def forward(self, row):
        h = self.thread(row) + self.place
        causal = torch.triu(torch.ones(LONG, LONG, dtype=torch.bool), diagonal=0)  # fault
        # fixed: causal = torch.triu(torch.ones(LONG, LONG, dtype=torch.bool), diagonal=1)
        seen, _ = self.attend(h, h, h, attn_mask=causal)
        return self.mlp(h + seen)


torch.manual_seed(7)
train_loader = DataLoader(Loom(800, 5), batch_size=40)
val_loader = DataLoader(Loom(200, 6), batch_size=100)
model = Weaver()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, row):
    model = getattr(setup, "model", setup)
    return loss_fn(model(row[:, :-1]).flatten(0, 1), row[:, 1:].flatten())


def train():
    for epoch in range(8):
        model.train()
        for row in train_loader:
            optimizer.zero_grad()
            batch_loss(model, row).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val nll %.3f" % (sum(batch_loss(model, row).item() for row in val_loader) / 2))


if __name__ == "__main__":
    train()
