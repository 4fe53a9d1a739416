"""Turns "3 march 1998" into "1998-03-03": GRU encoder-decoder with dot-product attention.

code: ND304
also:
object: softmax | attn | attention | weights | scores | Attention | attend
seen: both
"""
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

MONTHS = ["january", "february", "march", "april", "may", "june", "july",
          "august", "september", "october", "november", "december"]
SRC = {c: i + 1 for i, c in enumerate("abcdefghijklmnopqrstuvwxyz0123456789 ")}
TGT = {c: i + 1 for i, c in enumerate("0123456789-")}          # 0 starts the output
S_LEN, T_LEN = 17, 10


def make(n, seed):
    r = random.Random(seed)
    seen, src, tgt = set(), [], []
    while len(src) < n:
        y, m, d = r.randint(1950, 2020), r.randint(1, 12), r.randint(1, 28)
        if (y, m, d) in seen:
            continue
        seen.add((y, m, d))
        src.append([SRC[c] for c in f"{d} {MONTHS[m - 1]} {y}".rjust(S_LEN)])
        tgt.append([TGT[c] for c in f"{y}-{m:02d}-{d:02d}"])
    return torch.tensor(src), torch.tensor(tgt)


src, tgt = make(1000, seed=1)
tgt_in = torch.cat([torch.zeros(len(tgt), 1, dtype=torch.long), tgt[:, :-1]], dim=1)
train_loader = DataLoader(TensorDataset(src[:850], tgt_in[:850], tgt[:850]), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(src[850:], tgt_in[850:], tgt[850:]), batch_size=150)


class Attention(nn.Module):
    """Luong, "general"."""

    def __init__(self, hid):
        super().__init__()
        self.W = nn.Linear(hid, hid, bias=False)

    def forward(self, query, keys):
        scores = torch.bmm(self.W(query), keys.transpose(1, 2))      # (B, T_out, T_in)
        weights = F.softmax(scores, dim=1)  # fault
        # fixed: weights = F.softmax(scores, dim=2)
        return torch.bmm(weights, keys), weights  # here


class Seq2Seq(nn.Module):
    def __init__(self, emb=24, hid=48):
        super().__init__()
        self.src_emb = nn.Embedding(len(SRC) + 1, emb)
        self.tgt_emb = nn.Embedding(len(TGT) + 1, emb)
        self.encoder = nn.GRU(emb, hid, batch_first=True)
        self.decoder = nn.GRU(emb, hid, batch_first=True)
        self.attention = Attention(hid)
        self.out = nn.Linear(2 * hid, len(TGT) + 1)

    def forward(self, src, tgt_in):
        enc, h = self.encoder(self.src_emb(src))
        dec, _ = self.decoder(self.tgt_emb(tgt_in), h)
        context, _ = self.attention(dec, enc)  # here
        return self.out(torch.cat([dec, context], dim=-1))


torch.manual_seed(17)
model = Seq2Seq()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    s, t_in, t = batch
    logits = setup.model(s, t_in)
    return F.cross_entropy(logits.flatten(0, 1), t.flatten())


class _Setup:
    pass


def train(epochs=4):
    setup = _Setup()
    setup.model = model
    for epoch in range(epochs):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch}: train {loss.item():.3f} val {val:.3f}")
    return val


if __name__ == "__main__":
    print(train())
