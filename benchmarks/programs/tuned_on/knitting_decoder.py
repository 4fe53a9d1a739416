"""Continues knitting patterns stitch by stitch (decoder-only transformer written with nn.TransformerEncoder).

code: ND302
also:
object: mask | triu | blocks | blocks.layers.0 | blocks.layers.0.self_attn | causal
seen: checkup
"""
import random
import torch
import torch.nn as nn

STITCHES = ["cast", "k", "p", "yo", "k2tog", "ssk", "sl", "turn", "cable4", "cable6"]


def pattern(rng, rows=5):
    out = ["cast"]
    for _ in range(rows):
        motif = rng.choice([["k", "p"], ["yo", "k2tog"], ["ssk", "yo", "k"], ["cable4", "p"], ["sl", "k"], ["cable6", "sl", "p"]])
        out += motif * rng.choice([1, 2, 3]) + ["turn"]
    return out


def encode(words, length):
    ids = [STITCHES.index(w) for w in words][:length]
    return ids if len(ids) == length else None


class KnitGPT(nn.Module):
    def __init__(self, vocab, width, dim=32):
        super().__init__()
        self.tok = nn.Embedding(vocab, dim)
        self.pos = nn.Embedding(width, dim)
        layer = nn.TransformerEncoderLayer(dim, 2, 4 * dim, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(dim), enable_nested_tensor=False)
        self.head = nn.Linear(dim, vocab)
        causal = torch.triu(torch.ones(width, width, dtype=torch.bool), diagonal=2)  # fault
        # fixed: causal = torch.triu(torch.ones(width, width, dtype=torch.bool), diagonal=1)
        self.register_buffer("causal", causal, persistent=False)  # here

    def forward(self, ids):
        T = ids.shape[1]
        h = self.tok(ids) + self.pos(torch.arange(T))
        return self.head(self.blocks(h, mask=self.causal[:T, :T]))  # here


rng = random.Random(17)
torch.manual_seed(17)
LENGTH = 22
seen, rows = set(), []
while len(rows) < 620:
    ids = encode(pattern(rng, 8), LENGTH)
    if ids and tuple(ids) not in seen:
        seen.add(tuple(ids))
        rows.append(ids)
rows = torch.tensor(rows)
train_loader = torch.utils.data.DataLoader(rows[:520], batch_size=20, shuffle=True)
val_loader = torch.utils.data.DataLoader(rows[520:], batch_size=50)
model = KnitGPT(len(STITCHES), LENGTH - 1)
criterion = nn.CrossEntropyLoss()


def loss_fn(logits, target):
    return criterion(logits.permute(0, 2, 1), target)


def batch_loss(setup, ids):
    return loss_fn(setup.model(ids[:, :-1]), ids[:, 1:])


optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


def train():
    for epoch in range(6):
        model.train()
        acc = []
        for ids in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids[:, :-1]), ids[:, 1:])
            loss.backward()
            optimizer.step()
            acc.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(type("S", (), {"model": model}), b).item() for b in val_loader) / 2
    return sum(acc) / len(acc)


if __name__ == "__main__":
    print(train())
