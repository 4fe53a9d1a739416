"""Click prediction with the hashing trick: feature strings are hashed into 512 slots of a sparse embedding bag.

code: none
trait: sparse gradients, most slots never occur in a batch and some never at all, hash collisions, bags of different length
"""
import random
import zlib

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SLOTS = 512


def slot(text):
    return zlib.crc32(text.encode()) % SLOTS


class Clicks(Dataset):
    def __init__(self, n, seed):
        rnd = random.Random(seed)
        self.rows = []
        for _ in range(n):
            site, ad, hour = rnd.choice("abcdefgh"), rnd.choice(["shoes", "cars", "books", "games"]), rnd.randrange(24)
            features = [f"site={site}", f"ad={ad}", f"hour={hour}", f"site*ad={site}*{ad}"]
            features += [f"seen={rnd.randrange(40)}" for _ in range(rnd.randrange(3))]
            like = (zlib.crc32((site + ad).encode()) % 7 > 2)
            p = 0.9 if like else 0.12
            self.rows.append(([slot(f) for f in features], float(rnd.random() < p)))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    ids = torch.tensor([s for r, _ in rows for s in r])
    sizes = torch.tensor([len(r) for r, _ in rows])
    return {"ids": ids, "offsets": sizes.cumsum(0) - sizes, "click": torch.tensor([c for _, c in rows])}


class HashedAds(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.bag = nn.EmbeddingBag(SLOTS, dim, mode="sum", sparse=True)
        nn.init.normal_(self.bag.weight, std=0.3)
        self.top = nn.Sequential(nn.ReLU(), nn.Linear(dim, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, ids, offsets):
        return self.top(self.bag(ids, offsets)).flatten()


def batch_loss(setup, batch):
    return nn.functional.binary_cross_entropy_with_logits(setup.model(batch["ids"], batch["offsets"]), batch["click"])


torch.manual_seed(0)
model = HashedAds()
train_loader = DataLoader(Clicks(1500, 0), batch_size=64, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Clicks(300, 1), batch_size=150, collate_fn=collate)
optimizer = (torch.optim.SparseAdam(model.bag.parameters(), lr=1e-2), torch.optim.Adam(model.top.parameters(), lr=3e-3))


class Setup:
    model = model


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch in train_loader:
            for o in optimizer:
                o.zero_grad()
            loss = batch_loss(Setup, batch)
            loss.backward()
            for o in optimizer:
                o.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(Setup, b).item() for b in val_loader) / len(val_loader)
        print(f"{epoch} {sum(losses) / len(losses):.3f} {val:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
