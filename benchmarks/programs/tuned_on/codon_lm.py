"""Next codon in synthetic genes: attention written out by hand.

code: ND302
also:
object: mask | causal_mask | blocked | att | layers.0.att
seen: both
"""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(12)
VOCAB, LENGTH = 24, 15


def causal_mask(t):
    return torch.ones(t, t, dtype=torch.bool).triu(diagonal=2)  # fault
    # fixed: return torch.ones(t, t, dtype=torch.bool).triu(diagonal=1)


class SelfAttention(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.q = nn.Linear(d, d)
        self.k = nn.Linear(d, d)
        self.v = nn.Linear(d, d)
        self.register_buffer("blocked", causal_mask(LENGTH))  # here

    def forward(self, x):
        t = x.size(1)
        s = self.q(x) @ self.k(x).mT / x.size(-1) ** 0.5
        s = s.masked_fill(self.blocked[:t, :t], float("-inf"))  # here
        return F.softmax(s, -1) @ self.v(x)


class Layer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.att, self.ln1, self.ln2 = SelfAttention(d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.SiLU(), nn.Linear(2 * d, d))

    def forward(self, x):
        x = x + self.att(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class CodonLM(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.tok, self.pos = nn.Embedding(VOCAB, d), nn.Embedding(LENGTH, d)
        self.layers = nn.Sequential(Layer(d), Layer(d))
        self.lm = nn.Linear(d, VOCAB)

    def forward(self, ids):
        return self.lm(self.layers(self.tok(ids) + self.pos.weight[:ids.size(1)]))


def genes(n):
    follow = torch.randint(0, VOCAB, (VOCAB, 4), generator=torch.Generator().manual_seed(0))
    rows = [torch.randint(0, VOCAB, (n,))]
    for _ in range(LENGTH):
        rows.append(follow[rows[-1], torch.randint(0, 4, (n,))])
    return torch.stack(rows, 1)


def collate(rows):
    ids = torch.stack(rows)
    return ids[:, :-1], ids[:, 1:]


train_loader = torch.utils.data.DataLoader(genes(300), batch_size=30, shuffle=True, collate_fn=collate)
val_loader = torch.utils.data.DataLoader(genes(60), batch_size=60, collate_fn=collate)
model = CodonLM()


def loss_fn(logits, target):
    return F.cross_entropy(logits.reshape(-1, VOCAB), target.reshape(-1))


optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)


def train():
    for _ in range(8):
        model.train()
        h = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            h.append(loss.item())
        model.eval()
        with torch.no_grad():
            [loss_fn(model(x), y) for x, y in val_loader]
    return sum(h) / len(h)


if __name__ == "__main__":
    print(train())
