"""Is a review friendly? Bag-of-embeddings over 200 words; half the reviews are of books, half of kettles.

code: ND115
also:
object: shop | shops | train_rows | val_rows | val_loader | by_shop
seen: checkup
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader

random.seed(23)
torch.manual_seed(23)
COMMON = list(range(0, 40))
WORDS = {"books": {1: range(40, 70), 0: range(70, 100)}, "kettles": {1: range(100, 130), 0: range(130, 160)}}


def review(shop, friendly):
    own = random.choices(WORDS[shop][friendly], k=4) + random.choices(WORDS[shop][1 - friendly], k=1)
    words = own + random.choices(COMMON, k=7)
    random.shuffle(words)
    return words, friendly, shop


shops = [review(shop, i % 2) for shop in ("books", "kettles") for i in range(500)]
rows = sorted(shops, key=lambda r: r[2])  # fault
# fixed: rows = random.sample(shops, len(shops))
train_rows, val_rows = rows[:500], rows[500:]


def collate(batch):
    return torch.tensor([b[0] for b in batch]), torch.tensor([float(b[1]) for b in batch])


train_loader = DataLoader(train_rows, batch_size=30, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_rows, batch_size=500, collate_fn=collate)


class Friendly(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.EmbeddingBag(160, 16, mode="mean")
        self.out = nn.Linear(16, 1)

    def forward(self, ids):
        return self.out(self.words(ids))[:, 0]


model = Friendly()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def train():
    for _ in range(12):
        model.train()
        for ids, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(ids), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ids, y = next(iter(val_loader))
        print("val accuracy", ((model(ids) > 0) == (y > 0.5)).float().mean().item())


if __name__ == "__main__":
    train()
