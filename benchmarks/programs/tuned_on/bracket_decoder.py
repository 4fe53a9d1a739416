"""Next-token model for balanced brackets, decoder with explicit query/key/value projections.

code: none
trait: additive causal mask of -inf; the key projection has a bias whose gradient is zero; closing tokens are partly unpredictable
"""
import math
import random
import torch
import torch.nn as nn
import torch.nn.functional as F

random.seed(7); torch.manual_seed(7)
PAIRS = {"(": ")", "[": "]", "<": ">"}
VOCAB = {c: i for i, c in enumerate("^()[]<>")}
T = 24


def balanced():
    stack, out = [], "^"
    while len(out) < T + 1:
        if stack and (len(stack) > 4 or random.random() < 0.5):
            out += PAIRS[stack.pop()]
        else:
            c = random.choice(list(PAIRS)); stack.append(c); out += c
    return torch.tensor([VOCAB[c] for c in out])


class CausalAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.mix = (nn.Linear(d, d) for _ in range(4))
        self.register_buffer("mask", torch.full((T, T), -math.inf).triu(1), persistent=False)

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        att = q @ k.mT / math.sqrt(q.shape[-1]) + self.mask[:x.shape[1], :x.shape[1]]
        return self.mix((att.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Decoder(nn.Module):
    def __init__(self, d=32, depth=1):
        super().__init__()
        self.tok = nn.Embedding(len(VOCAB), d)
        self.pos = nn.Embedding(T, d)
        self.att = nn.ModuleList(CausalAttention(d, 4) for _ in range(depth))
        self.mlp = nn.ModuleList(nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d)) for _ in range(depth))
        self.n1 = nn.ModuleList(nn.LayerNorm(d) for _ in range(depth))
        self.n2 = nn.ModuleList(nn.LayerNorm(d) for _ in range(depth))
        self.norm, self.out = nn.LayerNorm(d), nn.Linear(d, len(VOCAB), bias=False)

    def forward(self, ids):
        x = self.tok(ids) + self.pos.weight[:ids.shape[1]]
        for att, mlp, n1, n2 in zip(self.att, self.mlp, self.n1, self.n2):
            x = x + att(n1(x))
            x = x + mlp(n2(x))
        return self.out(self.norm(x))


rows = [balanced() for _ in range(700)]
train_loader = torch.utils.data.DataLoader([(r[:-1], r[1:]) for r in rows[:600]], batch_size=30, shuffle=True)
val_loader = torch.utils.data.DataLoader([(r[:-1], r[1:]) for r in rows[600:]], batch_size=50)
model = Decoder()
loss_fn = lambda logits, ids: F.cross_entropy(logits.transpose(1, 2), ids)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, betas=(0.9, 0.95))


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(epoch, round(sum(losses) / len(losses), 4), round(val, 4))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
