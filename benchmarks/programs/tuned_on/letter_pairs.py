"""Small causal transformer over letters of made-up words.

code: ND604
also: ND706
object: optimizer | lr | CONFIG | param_groups
seen: watch
"""
from dataclasses import dataclass
import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    vocab: int = 27
    block: int = 10
    d: int = 32
    heads: int = 4
    layers: int = 1
    lr: float = 1e-1  # fault
    # fixed: lr: float = 2e-3
    betas: tuple = (0.9, 0.95)
    steps: int = 300


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(c.d), nn.LayerNorm(c.d)
        self.qkv, self.o = nn.Linear(c.d, 3 * c.d), nn.Linear(c.d, c.d)
        self.mlp = nn.Sequential(nn.Linear(c.d, 4 * c.d), nn.GELU(), nn.Linear(4 * c.d, c.d))
        self.h = c.heads

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (z.view(b, t, self.h, -1).transpose(1, 2) for z in self.qkv(self.n1(x)).chunk(3, -1))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, d))
        return x + self.mlp(self.n2(x))


class LetterGPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.tok, self.pos = nn.Embedding(c.vocab, c.d), nn.Embedding(c.block, c.d)
        for e in (self.tok, self.pos):
            nn.init.normal_(e.weight, std=0.02)
        self.blocks = nn.Sequential(*[Block(c) for _ in range(c.layers)])
        self.ln = nn.LayerNorm(c.d)
        self.lm = nn.Linear(c.d, c.vocab, bias=False)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.size(1)))
        return self.lm(self.ln(self.blocks(x)))


cfg = Config()
torch.manual_seed(0)
trans = torch.softmax(3 * torch.randn(27, 27), 1)


def sample(n, g):
    out = [torch.randint(0, 27, (n,), generator=g)]
    for _ in range(cfg.block):
        out.append(torch.multinomial(trans[out[-1]], 1, generator=g).squeeze(1))
    s = torch.stack(out, 1)
    return torch.utils.data.TensorDataset(s[:, :-1], s[:, 1:])


train_loader = torch.utils.data.DataLoader(sample(800, torch.Generator().manual_seed(1)), batch_size=16, shuffle=True)
val_loader = torch.utils.data.DataLoader(sample(160, torch.Generator().manual_seed(2)), batch_size=80)
model = LetterGPT(cfg)
optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr, betas=cfg.betas, weight_decay=0.01)  # here
loss_fn = lambda logits, y: F.cross_entropy(logits.flatten(0, 1), y.flatten())


def train():
    it, losses = iter(train_loader), []
    for step in range(cfg.steps):
        try:
            x, y = next(it)
        except StopIteration:
            it = iter(train_loader)
            x, y = next(it)
        loss = loss_fn(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        print("val", sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader))
    model.train()
    return sum(losses[-30:]) / 30


if __name__ == "__main__":
    print(train())
