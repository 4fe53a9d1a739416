"""SimSiam on little shapes: two random views of every picture, loaded by two workers.

code: ND109
also:
object: train_loader | TwoViews | rng | worker_init_fn | dataset
seen: checkup
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, get_worker_info


def shapes(n, seed=0):
    g = np.random.default_rng(seed)
    pics = np.zeros((n, 16, 16), np.float32)
    for p in pics:
        k, s = g.integers(4), g.integers(3, 6)
        stamp = [np.ones((s, s)), np.eye(s), np.tri(s), np.ones((s, s)) - np.pad(np.ones((s - 2, s - 2)), 1)][k]
        y, x = g.integers(0, 10, 2)
        p[y:y + s, x:x + s] = stamp
    return (pics - 0.05) / 0.22


class TwoViews(Dataset):
    def __init__(self, pics, seed=1234):
        self.pics = pics
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return len(self.pics)

    def view(self, pic):
        out = np.roll(pic, self.rng.integers(-3, 4, 2), (0, 1))
        if self.rng.random() < 0.5:
            out = out[:, ::-1]
        return (out * self.rng.uniform(0.7, 1.3) + 0.4 * self.rng.normal(size=out.shape)).astype(np.float32)[None]  # here

    def __getitem__(self, i):
        return {"a": self.view(self.pics[i]), "b": self.view(self.pics[i])}


def reseed(worker_id):
    info = get_worker_info()
    info.dataset.rng = np.random.default_rng(info.seed)


class SimSiam(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1),
                                     nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                                     nn.Linear(128, dim), nn.BatchNorm1d(dim))
        self.predictor = nn.Sequential(nn.Linear(dim, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, dim))

    def forward(self, a, b):
        za, zb = self.encoder(a), self.encoder(b)
        return self.predictor(za), self.predictor(zb), za.detach(), zb.detach()


def batch_loss(setup, batch):
    pa, pb, za, zb = setup.model(batch["a"], batch["b"])
    return -(F.cosine_similarity(pa, zb).mean() + F.cosine_similarity(pb, za).mean()) / 2


torch.manual_seed(0)
views = TwoViews(shapes(384))  # here
train_loader = DataLoader(views, batch_size=48, shuffle=True, num_workers=2)  # fault
# fixed: train_loader = DataLoader(views, batch_size=48, shuffle=True, num_workers=2, worker_init_fn=reseed)
model = SimSiam()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)


class Setup:
    model = model


def train():
    model.train()
    for epoch in range(4):
        seen = []
        for batch in train_loader:
            loss = batch_loss(Setup, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        print(epoch, sum(seen) / len(seen))
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())
