"""Pairing partners in short RNA: scores every pair of bases by a bilinear map, plain SGD with clipping.

code: ND608
also: ND605
object: clip_grad_norm_ | max_norm | clip | update
seen: watch
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

T = 14
COMPLEMENT = torch.tensor([3, 2, 1, 0])


class Hairpins(Dataset):
    """stem of four, loop in the middle: base i pairs with T-1-i when complementary"""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        s = torch.randint(0, 4, (n, T), generator=g)
        good = torch.rand(n, 4, generator=g) < 0.6
        mirror = COMPLEMENT[s[:, :4]]
        s[:, -4:] = torch.where(good, mirror, s[:, -4:].flip(1)).flip(1)
        self.s = s
        self.pair = torch.zeros(n, T, T)
        for i in range(4):
            hit = (COMPLEMENT[s[:, i]] == s[:, T - 1 - i]).float()
            self.pair[:, i, T - 1 - i] = self.pair[:, T - 1 - i, i] = hit

    def __len__(self):
        return len(self.s)

    def __getitem__(self, i):
        return self.s[i], self.pair[i]


class PairScorer(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.base, self.place = nn.Embedding(4, d), nn.Embedding(T, d)
        self.mix = nn.Sequential(nn.Linear(d, 2 * d), nn.ReLU(), nn.Linear(2 * d, d))
        self.bil = nn.Parameter(torch.randn(d, d) / d)
        self.bias = nn.Parameter(torch.tensor(-1.0))

    def forward(self, s):
        h = self.mix(self.base(s) + self.place.weight)
        return h @ self.bil @ h.transpose(1, 2) + self.bias


def clip(params, max_norm=1e-4):  # fault
# fixed: def clip(params, max_norm=1.0):
    return nn.utils.clip_grad_norm_(params, max_norm)  # here


torch.manual_seed(0)
train_loader = DataLoader(Hairpins(800, 0), batch_size=20, shuffle=True)
val_loader = DataLoader(Hairpins(200, 1), batch_size=100)
model = PairScorer()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)


def update(s, pair):
    optimizer.zero_grad()
    loss = loss_fn(model(s), pair)
    loss.backward()
    clip(model.parameters())  # here
    optimizer.step()
    return loss.item()


def train():
    for epoch in range(8):
        model.train()
        ls = [update(s, p) for s, p in train_loader]
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(s), p).item() for s, p in val_loader) / 2
        print(epoch, sum(ls) / len(ls), val)
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())
