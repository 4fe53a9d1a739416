"""A little transformer that continues rhyming syllables (after the well-known annotated version).

code: ND204
also:
object: layers | Decoder | layers.0 | layers.1 | clones | blocks
seen: checkup
"""
import copy
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
V, T, D, HEADS, N = 28, 24, 32, 4, 3


def clones(module, n):
    "Produce n layers."
    return nn.ModuleList([module for _ in range(n)])  # fault
    # fixed: return nn.ModuleList([copy.deepcopy(module) for _ in range(n)])


class SelfAttention(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.qkv = nn.Linear(d, 3 * d)
        self.proj = nn.Linear(d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (z.view(b, t, self.h, d // self.h).transpose(1, 2) for z in self.qkv(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(b, t, d))


class DecoderLayer(nn.Module):
    def __init__(self, d, h, p=0.1):
        super().__init__()
        self.attn = SelfAttention(d, h)
        self.ff = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.drop = nn.Dropout(p)

    def forward(self, x):
        x = x + self.drop(self.attn(self.n1(x)))
        return x + self.drop(self.ff(self.n2(x)))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(V, D)
        self.pos = nn.Parameter(0.02 * torch.randn(T, D))
        self.layers = clones(DecoderLayer(D, HEADS), N)  # here
        self.norm = nn.LayerNorm(D)
        self.out = nn.Linear(D, V)

    def forward(self, ids):
        x = self.tok(ids) + self.pos[: ids.shape[1]]
        for layer in self.layers:  # here
            x = layer(x)
        return self.out(self.norm(x))


def poem(n):
    """couplets: a random opening, the line end of one line is repeated in the next"""
    lines = torch.randint(4, V, (n, 4, 6))
    lines[:, :, 1:4] = (lines[:, :, :1] + torch.tensor([3, 7, 2])) % (V - 4) + 4
    lines[:, 1, 4] = lines[:, 0, 4]
    lines[:, 3, 4] = lines[:, 2, 4]
    lines[:, :, 5] = 1
    flat = torch.cat([torch.zeros(n, 1, dtype=torch.long), lines.view(n, -1)], 1)
    return TensorDataset(flat[:, :-1], flat[:, 1:])


train_loader = DataLoader(poem(384), batch_size=32, shuffle=True)
val_loader = DataLoader(poem(96), batch_size=96)
model = Decoder()  # here


def loss_fn(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(f"epoch {epoch} | train {sum(losses) / len(losses):.3f} | val {val:.3f} | ppl {math.exp(val):.2f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(sum(p.numel() for p in model.parameters()), "parameters")
    print(train())
