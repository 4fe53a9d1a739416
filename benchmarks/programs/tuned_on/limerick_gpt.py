"""A very small decoder with a tied head, on rhymes from a toy grammar.

code: ND202
also: ND406
object: wte | wte.weight | head.weight | head
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

CFG = dict(vocab=40, width=48, heads=4, depth=2, block=16,
           init=dict(linear=0.02, embedding=1.0))  # fault
           # fixed: init=dict(linear=0.02, embedding=0.02))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        w = c["width"]
        self.h = c["heads"]
        self.n1, self.n2 = nn.LayerNorm(w), nn.LayerNorm(w)
        self.qkv, self.o = nn.Linear(w, 3 * w), nn.Linear(w, w)
        self.ff = nn.Sequential(nn.Linear(w, 4 * w), nn.GELU(), nn.Linear(4 * w, w))

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = (z.view(b, t, self.h, -1).transpose(1, 2) for z in self.qkv(self.n1(x)).chunk(3, -1))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, w))
        return x + self.ff(self.n2(x))


class MiniGPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.wte = nn.Embedding(c["vocab"], c["width"])  # here
        self.wpe = nn.Embedding(c["block"], c["width"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["depth"]))
        self.norm = nn.LayerNorm(c["width"])
        self.head = nn.Linear(c["width"], c["vocab"], bias=False)
        self.head.weight = self.wte.weight
        self.apply(self._init)

    def _init(self, m):
        if isinstance(m, nn.Embedding):
            nn.init.normal_(m.weight, std=self.c["init"]["embedding"])  # here
        elif isinstance(m, nn.Linear) and m is not self.head:
            nn.init.normal_(m.weight, std=self.c["init"]["linear"])
            nn.init.zeros_(m.bias)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for b in self.blocks:
            x = b(x)
        return self.head(self.norm(x))


def verses(n, g):
    nxt = torch.randint(0, 40, (40, 3), generator=torch.Generator().manual_seed(1))
    seq = [torch.randint(0, 40, (n,), generator=g)]
    for _ in range(16):
        seq.append(nxt[seq[-1], torch.randint(0, 3, (n,), generator=g)])
    s = torch.stack(seq, 1)
    return torch.utils.data.TensorDataset(s[:, :-1], s[:, 1:])


torch.manual_seed(0)
g = torch.Generator().manual_seed(2)
train_loader = torch.utils.data.DataLoader(verses(384, g), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(verses(128, g), batch_size=64)
model = MiniGPT(CFG)


def loss_fn(logits, y):
    return F.cross_entropy(logits.flatten(0, 1), y.flatten())


optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


def train():
    for epoch in range(5):
        model.train()
        run = 0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            run += loss.item()
    return run / len(train_loader)


if __name__ == "__main__":
    print(train())
