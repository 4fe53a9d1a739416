"""Does the start motif come before the stop motif? Attention over nucleotide tokens.

code: ND303
also: ND206
object: attn | SelfAttentionPool | embed | pe | positional
seen: checkup
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

L = 16


def sinusoid(length, d):
    p = torch.arange(length)[:, None] * torch.exp(torch.arange(0, d, 2) * (-math.log(100.0) / d))
    return torch.stack([p.sin(), p.cos()], -1).flatten(1)


class SelfAttentionPool(nn.Module):
    def __init__(self, vocab=8, d=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        self.register_buffer("pe", sinusoid(L, d))
        self.attn = nn.MultiheadAttention(d, 4, batch_first=True)
        self.ff = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 64), nn.GELU(), nn.Linear(64, d))
        self.cls = nn.Linear(d, 2)

    def positional(self, h):
        h + self.pe[: h.size(1)]  # fault
        # fixed: h = h + self.pe[: h.size(1)]
        return h  # here

    def forward(self, ids):
        h = self.positional(self.embed(ids))  # here
        h = h + self.attn(h, h, h, need_weights=False)[0]
        h = h + self.ff(h)
        return self.cls(h.mean(1))


def genes(n, seed):
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 6, (n, L), generator=g)
    spots = torch.rand(n, L, generator=g).argsort(1)[:, :2]
    ids.scatter_(1, spots, torch.tensor([6, 7]).expand(n, 2))
    return ids, (spots[:, 0] < spots[:, 1]).long()


torch.manual_seed(2)
train_loader = DataLoader(TensorDataset(*genes(960, 5)), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(*genes(192, 6)), batch_size=96)
model = SelfAttentionPool()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        tally = []
        for ids, y in train_loader:
            loss = loss_fn(model(ids), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tally.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(i).argmax(1) == y).float().sum() for i, y in val_loader) / 192
    return sum(tally) / len(tally)


if __name__ == "__main__":
    print(train())
