"""Language model on an endless stream of sentences, input and output embeddings tied.

code: none
trait: iterable dataset without a length, tied weights, causal -inf mask, zero-initialised residual branches, warm-up from 0
"""
import itertools
import random

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

torch.manual_seed(1957)
RULES = {"S": [["NP", "VP", "."]], "NP": [["the", "N"], ["the", "A", "N"], ["a", "N"]],
         "VP": [["V", "NP"], ["V", "NP", "PP"], ["sleeps"]], "PP": [["near", "NP"], ["with", "NP"]],
         "N": [["cat"], ["dog"], ["fish"], ["child"]], "A": [["small"], ["green"]],
         "V": [["sees"], ["chases"], ["likes"]]}
WORDS = sorted({w for rhs in RULES.values() for r in rhs for w in r if w not in RULES})
INDEX = {w: i for i, w in enumerate(WORDS)}
CONTEXT = 16


def expand(symbol, rng):
    if symbol not in RULES:
        return [INDEX[symbol]]
    return list(itertools.chain.from_iterable(expand(s, rng) for s in rng.choice(RULES[symbol])))


class Stream(IterableDataset):
    def __init__(self, seed, windows=None):
        self.seed, self.windows = seed, windows
        self.rng = random.Random(seed)

    def __iter__(self):
        rng = random.Random(self.seed) if self.windows else self.rng    # validation repeats, training goes on
        buffer, given = [], 0
        while self.windows is None or given < self.windows:
            while len(buffer) < CONTEXT + 1:
                buffer += expand("S", rng)
            window, buffer = torch.tensor(buffer[:CONTEXT + 1]), buffer[CONTEXT:]
            given += 1
            yield window[:-1], window[1:]


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        for last in (self.attn.out_proj, self.mlp[2]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x, mask):
        h = self.ln1(x)
        x = x + self.attn(h, h, h, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp(self.ln2(x))


class TiedLM(nn.Module):
    def __init__(self, d=32, heads=4, depth=2):
        super().__init__()
        self.tok = nn.Embedding(len(WORDS), d)
        self.pos = nn.Embedding(CONTEXT, d)
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(depth))
        self.ln = nn.LayerNorm(d)
        self.head = nn.Linear(d, len(WORDS), bias=False)
        nn.init.normal_(self.tok.weight, std=0.1)
        nn.init.normal_(self.pos.weight, std=0.1)
        self.head.weight = self.tok.weight
        self.register_buffer("mask", torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1))

    def forward(self, ids):
        t = ids.size(1)
        x = self.tok(ids) + self.pos.weight[:t]
        for block in self.blocks:
            x = block(x, self.mask[:t, :t])
        return self.head(self.ln(x))


train_loader = DataLoader(Stream(seed=1), batch_size=16)
val_loader = DataLoader(Stream(seed=2, windows=64), batch_size=32)
model = TiedLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(s / 20, 1.0))


def loss_fn(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def train(steps=150):
    losses = []
    model.train()
    for step, (ids, targets) in enumerate(itertools.islice(train_loader, steps)):
        loss = loss_fn(model(ids), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if step % 50 == 49:
            model.eval()
            with torch.no_grad():
                val = [loss_fn(model(a), b).item() for a, b in val_loader]
            model.train()
            print(step + 1, sum(losses[-50:]) / 50, sum(val) / len(val))
    return sum(losses[-20:]) / 20


if __name__ == "__main__":
    print(train())
