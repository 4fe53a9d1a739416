"""Quark or gluon: jets as sets of particles, rotated about the beam for robustness.

code: ND109
also:
object: RandomSpin | generator | g | spin | transform
seen: both
"""
import math
import torch
from torch import nn, Tensor
from torch.utils.data import DataLoader, Dataset


class RandomSpin:
    """Turns a jet by a random angle and drops a few soft particles."""

    def __init__(self, seed=0, drop=0.1):
        self.seed, self.drop = seed, drop
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, jet: Tensor) -> Tensor:
        g = torch.Generator().manual_seed(self.seed)  # fault
        # fixed: g = self.generator
        a = 2 * math.pi * torch.rand((), generator=g)
        spin = torch.stack([torch.stack([a.cos(), -a.sin()]), torch.stack([a.sin(), a.cos()])])
        keep = torch.rand(len(jet), 1, generator=g) > self.drop
        return torch.cat([jet[:, :2] @ spin, jet[:, 2:]], 1) * keep


class Jets(Dataset):
    def __init__(self, n: int, seed: int, transform=None, particles: int = 20):
        g = torch.Generator().manual_seed(seed)
        self.label = torch.randint(0, 2, (n,), generator=g)
        width = torch.where(self.label == 1, 1.15, 0.85)[:, None, None]
        offset = 0.3 * torch.randn(n, 1, 2, generator=g)
        place = width * torch.randn(n, particles, 2, generator=g) + offset
        share = torch.rand(n, particles, 1, generator=g) ** torch.where(self.label == 1, 1.2, 2.2)[:, None, None]
        energy = share / share.sum(1, keepdim=True) * particles - 1
        self.jets = torch.cat([place, energy], -1)
        self.transform = transform

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        jet = self.jets[i]
        if self.transform is not None:
            jet = self.transform(jet)  # here
        return jet, self.label[i].float()


class ParticleFlow(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(3, h), nn.GELU(), nn.Linear(h, h), nn.GELU())
        self.attend = nn.MultiheadAttention(h, 4, batch_first=True)
        self.whole = nn.Sequential(nn.LayerNorm(h), nn.Linear(h, 1))

    def forward(self, jet):
        p = self.each(jet)
        p = p + self.attend(p, p, p, need_weights=False)[0]
        return self.whole(p.mean(1)).squeeze(-1)


torch.manual_seed(0)
train_loader = DataLoader(Jets(600, 3, RandomSpin(seed=7)), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(Jets(200, 4), batch_size=100)
model = ParticleFlow()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def train():
    for _ in range(8):
        model.train()
        curve = []
        for jet, label in train_loader:
            loss = loss_fn(model(jet), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum(((model(j) > 0) == (l > 0)).sum().item() for j, l in val_loader) / 200
    print("val", acc)
    return sum(curve) / len(curve)


if __name__ == "__main__":
    print(train())
