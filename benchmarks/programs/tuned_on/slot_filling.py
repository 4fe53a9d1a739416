"""Marks the slots of short commands (tagging) with a small transformer encoder.

code: ND206
also: ND303
object: pos | pos.weight | Tagger.pos
seen: checkup
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

# 0 pad, 1 from, 2 to, 3 at, 4.. places and hours; the tag of a place depends on the word before it
PAD, FROM, TO, AT = range(4)
N_WORDS, MAXLEN = 160, 10


class Commands(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.rows = []
        for _ in range(n):
            words, tags = [], []
            for k in torch.randperm(3, generator=g)[: 2 + int(torch.randint(2, (1,), generator=g))].tolist():
                w = int(torch.randint(4, N_WORDS, (1,), generator=g))
                words += [(FROM, TO, AT)[k], w]
                tags += [0, k + 1]
            self.rows.append((words, tags))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    ids = torch.zeros(len(rows), MAXLEN, dtype=torch.long)
    tags = torch.full((len(rows), MAXLEN), -100)
    for r, (w, t) in enumerate(rows):
        ids[r, :len(w)] = torch.tensor(w)
        tags[r, :len(t)] = torch.tensor(t)
    return ids, tags


class Tagger(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Embedding(N_WORDS, d, padding_idx=PAD)
        self.pos = nn.Embedding(MAXLEN, d)  # here
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.tag = nn.Linear(d, 4)

    def forward(self, ids):
        where = torch.arange(ids.size(1), device=ids.device)
        h = self.emb(ids) * 32 ** 0.5  # fault
        # fixed: h = self.emb(ids) + self.pos(where)
        h = self.enc(h, src_key_padding_mask=ids == PAD)
        return self.tag(h)


torch.manual_seed(6)
train_loader = DataLoader(Commands(700, 0), batch_size=35, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Commands(150, 1), batch_size=50, collate_fn=collate)
model = Tagger()
loss_fn = lambda logits, tags: F.cross_entropy(logits.transpose(1, 2), tags, ignore_index=-100)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for epoch in range(5):
        model.train()
        ls = []
        for ids, tags in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), tags)
            loss.backward()
            optimizer.step()
            ls.append(loss.item())
        model.eval()
        with torch.no_grad():
            for ids, tags in val_loader:
                loss_fn(model(ids), tags)
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())
