"""Who did it to whom? Finds out whether the first-named animal of a pair is the hunter, from short statements.

code: ND303
also:
object: embed | encoder | pos | pos_encoding | attn | PositionalEncoding
seen: checkup
"""
import math
import random
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

random.seed(4)
torch.manual_seed(4)

ANIMALS = ["fox", "hen", "owl", "mouse", "cat", "lark", "wolf", "hare"]
VERBS = ["chases", "hunts", "follows", "watches"]
FILL = ["slowly", "today", "again", "outside", "quietly", "there"]
VOCAB = {w: i + 1 for i, w in enumerate(ANIMALS + VERBS + FILL)}
LENGTH = 8


def statement():
    a, b = random.sample(ANIMALS, 2)
    s = [a, random.choice(VERBS), b]
    for _ in range(random.randint(1, 5)):
        s.insert(random.randint(0, len(s)), random.choice(FILL))
    return s, int(ANIMALS.index(a) < ANIMALS.index(b))


class Statements(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        words, label = self.rows[i]
        ids = torch.zeros(LENGTH, dtype=torch.long)
        ids[:len(words)] = torch.tensor([VOCAB[w] for w in words])
        return {"ids": ids, "mask": ids > 0, "label": torch.tensor(label)}


rows = list({" ".join(s): (s, y) for s, y in (statement() for _ in range(1500))}.values())
random.shuffle(rows)
train_loader = DataLoader(Statements(rows[:1150]), batch_size=32, shuffle=True)
val_loader = DataLoader(Statements(rows[1150:]), batch_size=128)


class PositionalEncoding(nn.Module):
    def __init__(self, d, n):
        super().__init__()
        p = torch.arange(n)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
        self.register_buffer("table", torch.stack([p.sin(), p.cos()], -1).flatten(1))

    def forward(self, x):
        return x + self.table[:x.shape[1]]


class Encoder(nn.Module):
    def __init__(self, d=32, heads=4, layers=2):
        super().__init__()
        self.d = d
        self.embed = nn.Embedding(len(VOCAB) + 1, d, padding_idx=0)
        nn.init.normal_(self.embed.weight[1:], std=d ** -0.5)
        self.pos = PositionalEncoding(d, LENGTH)
        layer = nn.TransformerEncoderLayer(d, heads, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.cls = nn.Linear(d, 2)

    def forward(self, ids, mask):
        h = self.embed(ids) * math.sqrt(self.d)  # fault
        # fixed: h = self.pos(self.embed(ids) * math.sqrt(self.d))
        h = self.encoder(h, src_key_padding_mask=~mask)  # here
        m = mask.unsqueeze(-1)
        return self.cls((h * m).sum(1) / m.sum(1))


model = Encoder()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["ids"], batch["mask"]), batch["label"])


def train():
    for epoch in range(7):
        model.train()
        ls = []
        for b in train_loader:
            loss = loss_fn(model(b["ids"], b["mask"]), b["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            ls.append(loss.item())
        model.eval()
        with torch.no_grad():
            ok = sum((model(b["ids"], b["mask"]).argmax(-1) == b["label"]).sum().item() for b in val_loader)
        print(epoch, f"{sum(ls) / len(ls):.4f}", f"{ok / len(val_loader.dataset):.3f}")
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())
