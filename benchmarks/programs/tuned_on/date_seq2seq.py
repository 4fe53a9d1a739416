"""Rewrites dates ('7 mar 21' -> '2021-03-07'), as token ids, with an encoder-decoder transformer.

code: ND303
also: ND206
object: encoder | cross | decoder | memory | src
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

# 0 start, 1..31 day, 32..43 month, 44..53 year digits
VOCAB = 54


class Dates(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        d = torch.randint(1, 32, (n,), generator=g)
        m = torch.randint(32, 44, (n,), generator=g)
        y = torch.randint(44, 54, (n, 2), generator=g)
        self.src = torch.stack([d, m, y[:, 0], y[:, 1]], 1)
        self.tgt = torch.stack([torch.zeros_like(d), y[:, 0], y[:, 1], m, d], 1)

    def __len__(self):
        return len(self.src)

    def __getitem__(self, i):
        return {"src": self.src[i], "tgt_in": self.tgt[i, :-1], "tgt_out": self.tgt[i, 1:]}


class DecoderLayer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.self_att = nn.MultiheadAttention(d, 2, batch_first=True)
        self.cross = nn.MultiheadAttention(d, 2, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.ReLU(), nn.Linear(2 * d, d))
        self.n = nn.ModuleList(nn.LayerNorm(d) for _ in range(3))

    def forward(self, x, memory, mask):
        x = self.n[0](x + self.self_att(x, x, x, attn_mask=mask, need_weights=False)[0])
        x = self.n[1](x + self.cross(x, x, x, attn_mask=mask, need_weights=False)[0])  # fault
        # fixed: x = self.n[1](x + self.cross(x, memory, memory, need_weights=False)[0])
        return self.n[2](x + self.ff(x))


class DateModel(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, d)
        self.pos = nn.Embedding(4, d)
        self.encoder = nn.TransformerEncoderLayer(d, 2, 2 * d, dropout=0.0, batch_first=True)
        self.decoder = DecoderLayer(d)
        self.out = nn.Linear(d, VOCAB)

    def forward(self, src, tgt_in):
        mask = torch.ones(4, 4, dtype=torch.bool).triu(1)
        memory = self.encoder(self.emb(src) + self.pos.weight)
        return self.out(self.decoder(self.emb(tgt_in) + self.pos.weight, memory, mask))  # here


torch.manual_seed(23)
model = DateModel()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(Dates(640, 1), batch_size=64, shuffle=True)
val_loader = DataLoader(Dates(64, 2), batch_size=64)


def batch_loss(setup, batch):
    logits = setup.model(batch["src"], batch["tgt_in"])
    return loss_fn(logits.flatten(0, 1), batch["tgt_out"].flatten())


class _Setup:
    pass


def train():
    setup = _Setup()
    setup.model = model
    for epoch in range(10):
        model.train()
        last = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
            last.append(loss.item())
        model.eval()
        with torch.no_grad():
            for batch in val_loader:
                batch_loss(setup, batch)
    return sum(last) / len(last)


if __name__ == "__main__":
    print(train())
