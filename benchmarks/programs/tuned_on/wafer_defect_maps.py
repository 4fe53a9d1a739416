"""Ring, scratch or spot: defect maps of silicon wafers, with a hand-made loader.

code: ND108
also:
object: Batches | arange | order | __iter__ | train_loader | maps
seen: both
"""
import numpy as np
import torch
from torch import nn

torch.manual_seed(149)
rng = np.random.default_rng(149)
SIDE = 12
yy, xx = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2


def wafer(kind):
    if kind == "ring":
        hit = np.abs(np.hypot(yy, xx) - rng.uniform(3.0, 5.0)) < 0.8
    elif kind == "scratch":
        a = rng.uniform(0, np.pi)
        hit = np.abs(np.cos(a) * yy + np.sin(a) * xx - rng.uniform(-2, 2)) < 0.8
    else:
        r, c = rng.uniform(-3, 3, 2)
        hit = np.hypot(yy - r, xx - c) < 2.2
    return (hit * 1.0 + 0.35 * rng.normal(size=hit.shape) - 0.25) / 0.5


def production(per_kind):
    kinds = ["ring", "scratch", "spot"]
    maps = np.stack([wafer(k) for k in kinds for _ in range(per_kind)])
    return torch.tensor(maps).float(), torch.arange(3).repeat_interleave(per_kind)


class Batches:
    def __init__(self, maps, kind, size, training):
        self.maps, self.kind, self.size, self.training = maps, kind, size, training

    def __len__(self):
        return -(-len(self.kind) // self.size)

    def __iter__(self):
        order = torch.arange(len(self.kind))  # fault
        # fixed: order = torch.randperm(len(self.kind)) if self.training else torch.arange(len(self.kind))
        for pick in order.split(self.size):
            if self.training:
                pick = pick[torch.randperm(len(pick))]
            yield self.maps[pick], self.kind[pick]


train_loader = Batches(*production(250), size=25, training=True)
val_loader = Batches(*production(60), size=180, training=False)
model = nn.Sequential(nn.Unflatten(1, (1, SIDE)), nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Conv2d(12, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(8):
        model.train()
        for maps, kind in train_loader:
            optimizer.zero_grad()
            loss_fn(model(maps), kind).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        maps, kind = next(iter(val_loader))
        print("val accuracy", (model(maps).argmax(1) == kind).float().mean().item())


if __name__ == "__main__":
    train()
