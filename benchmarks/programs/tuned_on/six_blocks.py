"""nanoGPT-like character model of bracket arithmetic, six blocks deep.

code: ND204
also:
object: blocks | blocks.0 | blocks.1 | Block | MiniGPT
seen: checkup
"""
import random

import torch
import torch.nn as nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

random.seed(1)
torch.manual_seed(1)
block_size, n_embd, n_head, n_layer = 24, 32, 4, 6


def expr(depth=2):
    if depth == 0 or random.random() < 0.3:
        return str(random.randint(0, 9))
    return f"({expr(depth - 1)}{random.choice('+-*')}{expr(depth - 1)})"


corpus = "\n".join(f"{e}={eval(e)}" for e in (expr() for _ in range(1200)))
chars = sorted(set(corpus))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in corpus])
cut = int(0.9 * len(data))


def chunks(ids):
    n = (len(ids) - 1) // block_size
    return TensorDataset(ids[: n * block_size].view(n, -1), ids[1 : n * block_size + 1].view(n, -1))


train_loader = DataLoader(chunks(data[:cut]), batch_size=32, shuffle=True)
val_loader = DataLoader(chunks(data[cut:]), batch_size=32)


class CausalSelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_attn = nn.Linear(n_embd, 3 * n_embd)
        self.c_proj = nn.Linear(n_embd, n_embd)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, n_head, C // n_head).transpose(1, 2) for t in self.c_attn(x).split(C, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(n_embd)
        self.attn = CausalSelfAttention()
        self.ln_2 = nn.LayerNorm(n_embd)
        self.mlp = nn.Sequential(nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class MiniGPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(len(chars), n_embd)
        self.wpe = nn.Embedding(block_size, n_embd)
        self.blocks = nn.Sequential(*[Block()] * n_layer)  # fault
        # fixed: self.blocks = nn.Sequential(*[Block() for _ in range(n_layer)])
        self.ln_f = nn.LayerNorm(n_embd)
        self.lm_head = nn.Linear(n_embd, len(chars))
        self.apply(self._init)

    def _init(self, m):
        if isinstance(m, (nn.Linear, nn.Embedding)):
            nn.init.normal_(m.weight, std=0.02)
        if isinstance(m, nn.Linear):
            nn.init.zeros_(m.bias)

    def forward(self, idx):
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        return self.lm_head(self.ln_f(self.blocks(x)))  # here


model = MiniGPT()  # here


def loss_fn(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


@torch.no_grad()
def estimate_loss():
    model.eval()
    out = [loss_fn(model(x), y).item() for x, y in val_loader]
    model.train()
    return sum(out) / len(out)


def train(epochs=3):
    model.train()
    for _ in range(epochs):
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        estimate_loss()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(sum(p.numel() for p in model.parameters()), "parameters")
    print(train(), estimate_loss())
