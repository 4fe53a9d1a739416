"""Incident or not, from sequences of log event ids: a stack of own transformer blocks.

code: ND204
also:
object: blocks | block | layers | nn.ModuleList
seen: checkup
"""
import math
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(17)
VOCAB, LENGTH, DEPTH = 30, 20, 3


class Logs(Dataset):
    """An incident is an 'error' (id 3) some time after a 'config change' (id 7)."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(8, VOCAB, (n, LENGTH), generator=g)
        self.y = torch.randint(0, 2, (n,), generator=g)
        for r in range(n):
            i, j = sorted(torch.randperm(LENGTH, generator=g)[:2].tolist())
            first, second = (7, 3) if self.y[r] else (3, 7)
            self.ids[r, i], self.ids[r, j] = first, second

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return self.ids[i], self.y[i].float()


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x):
        h = self.norm1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.ff(self.norm2(x))


class LogEncoder(nn.Module):
    def __init__(self, d=32, heads=4):
        super().__init__()
        self.token = nn.Embedding(VOCAB, d)
        position = torch.arange(LENGTH)[:, None] * torch.exp(-math.log(1e4) * torch.arange(0, d, 2) / d)
        self.register_buffer("pos", torch.stack([position.sin(), position.cos()], -1).flatten(1))
        self.blocks = nn.ModuleList([Block(d, heads)] * DEPTH)  # fault
        # fixed: self.blocks = nn.ModuleList([Block(d, heads) for _ in range(DEPTH)])
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, 1)

    def forward(self, ids):
        x = self.token(ids) + self.pos
        for block in self.blocks:  # here
            x = block(x)
        return self.head(self.norm(x).mean(1)).squeeze(-1)


train_loader = DataLoader(Logs(640, 0), batch_size=40, shuffle=True)
val_loader = DataLoader(Logs(200, 1), batch_size=100)
model = LogEncoder()  # here
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    print("parameters:", sum(p.numel() for p in model.parameters()))
    for epoch in range(6):
        model.train()
        mean = 0
        for ids, y in train_loader:
            loss = loss_fn(model(ids), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            mean += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            ok = sum(((model(i) > 0) == (y > 0.5)).sum().item() for i, y in val_loader)
        print(f"{epoch} {mean:.4f} {ok / 200:.3f}")
    return mean


if __name__ == "__main__":
    print(train())
