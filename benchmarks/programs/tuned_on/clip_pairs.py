"""CLIP in miniature: matches product pictures with their captions.

code: ND104
also:
object: picture_files | pairs | PairFolder | train_loader | targets
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

COLORS = np.array([[.9, .1, .1], [.1, .8, .2], [.1, .2, .9], [.9, .8, .1], [.6, .1, .7], [.1, .7, .8]])


class Shop:
    """Stands for the disk: pictures by file name and captions.txt, one line per product in order of number."""

    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        self.files, self.captions = {}, []
        for i in range(n):
            c, shape, size = r.integers(6), r.integers(4), r.integers(3)
            im = r.normal(0, .1, (3, 12, 12))
            k = 3 + size
            patch = np.zeros((12, 12))
            patch[:k, :k] = [1, np.eye(k), np.fliplr(np.eye(k)), np.tri(k)][shape]
            im += np.roll(patch, r.integers(0, 6, 2), (0, 1)) * COLORS[c][:, None, None] * 2
            self.files[f"product_{i}.png"] = im.astype(np.float32)
            self.captions.append([c, 6 + shape, 10 + size])


class PairFolder(torch.utils.data.Dataset):
    def __init__(self, shop):
        self.shop = shop
        self.picture_files = sorted(shop.files)  # fault
        # fixed: self.picture_files = sorted(shop.files, key=lambda f: int(f.split("_")[1].split(".")[0]))
        self.captions = shop.captions

    def __len__(self):
        return len(self.captions)

    def __getitem__(self, i):
        picture = self.shop.files[self.picture_files[i]]  # here
        return {"picture": torch.from_numpy(picture), "words": torch.tensor(self.captions[i])}  # here


class TwoTowers(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.picture = nn.Sequential(nn.Conv2d(3, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 48, 3, padding=1),
                                     nn.ReLU(), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(192, dim))
        self.words = nn.Embedding(13, 32)
        self.text = nn.Sequential(nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, dim))
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, picture, words):
        a = F.normalize(self.picture(picture), dim=-1)
        b = F.normalize(self.text(self.words(words).flatten(1)), dim=-1)
        return a @ b.T * self.scale.exp()


def batch_loss(setup, batch):
    logits = setup.model(batch["picture"], batch["words"])
    same = (batch["words"][:, None] == batch["words"][None]).all(-1).float()
    return F.cross_entropy(logits, same / same.sum(1, keepdim=True)) / 2 + F.cross_entropy(logits.T, same / same.sum(1, keepdim=True)) / 2


torch.manual_seed(0)
model = TwoTowers()
train_loader = torch.utils.data.DataLoader(PairFolder(Shop(640, 0)), batch_size=32, shuffle=True, drop_last=True)  # here
val_loader = torch.utils.data.DataLoader(PairFolder(Shop(128, 1)), batch_size=32)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


class Setup:
    model = model


def train():
    for epoch in range(5):
        model.train()
        track = 0.0
        for batch in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = batch_loss(Setup, batch)
            loss.backward()
            optimizer.step()
            track += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            v = np.mean([batch_loss(Setup, b).item() for b in val_loader])
        print(f"epoch {epoch}  train {track:.3f}  val {v:.3f}  (chance {np.log(32):.2f})")
    return track


if __name__ == "__main__":
    print(train())
