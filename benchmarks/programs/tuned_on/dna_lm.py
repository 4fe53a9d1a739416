"""Next-base prediction on promoter-like DNA with a tiny transformer.

code: ND302
also:
object: model.encoder | encoder | mask | is_causal | PromoterLM | src_mask
seen: both
"""
import random
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader

BASES = "ACGT"
MOTIFS = ["TATAAA", "CCAAT", "GGGCGG", "TTGACA"]


def promoter(rnd, length=41):
    s = ""
    while len(s) < length:
        s += rnd.choice(MOTIFS) if rnd.random() < 0.7 else "".join(rnd.choice(BASES) for _ in range(rnd.randint(1, 4)))
    return [BASES.index(c) for c in s[:length]]


rnd = random.Random(17)
seqs = torch.tensor([promoter(rnd) for _ in range(320)])
train_seqs, val_seqs = seqs[:260], seqs[260:]


def to_pairs(batch):
    batch = torch.stack(batch)
    return batch[:, :-1], batch[:, 1:]


torch.manual_seed(17)
train_loader = DataLoader(train_seqs, batch_size=20, shuffle=True, collate_fn=to_pairs)
val_loader = DataLoader(val_seqs, batch_size=30, collate_fn=to_pairs)


class PromoterLM(nn.Module):
    def __init__(self, d_model=40, nhead=4, nlayers=1, max_len=64):
        super().__init__()
        self.tok = nn.Embedding(len(BASES), d_model)
        self.pos = nn.Embedding(max_len, d_model)
        layer = nn.TransformerEncoderLayer(d_model, nhead, 4 * d_model, dropout=0.05, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, nlayers)  # here
        self.lm_head = nn.Linear(d_model, len(BASES))

    def forward(self, x):
        L = x.shape[1]
        h = self.tok(x) + self.pos(torch.arange(L, device=x.device))
        h = self.encoder(h)  # fault
        # fixed: mask = nn.Transformer.generate_square_subsequent_mask(L, device=x.device)
        # fixed: h = self.encoder(h, mask=mask, is_causal=True)
        return self.lm_head(h)


def loss_fn(logits, targets):
    return F.cross_entropy(logits.reshape(-1, len(BASES)), targets.reshape(-1))


model = PromoterLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        total = 0
        for x, y in train_loader:
            logits = model(x)  # here
            loss = loss_fn(logits, y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(f"epoch {epoch} loss {total / len(train_loader):.3f} val {val:.3f} bits/base {val / 0.6931:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
