"""Diffusion constant of a dye in a gel (square metres per second) from five recipe numbers.

code: ND112
also:
object: diffusivity | targets | d | train_loader
seen: both
"""
import torch
from torch import nn

torch.manual_seed(14)
recipe = torch.rand(640, 5) * 2 - 1
diffusivity = 1e-9 * (3 + recipe[:, 0] - 1.2 * recipe[:, 1] ** 2 + 0.7 * recipe[:, 2] * recipe[:, 3])
diffusivity = diffusivity + 5e-11 * torch.randn(640)
d = diffusivity.unsqueeze(1)  # fault
# fixed: d = (diffusivity.unsqueeze(1) - 2.6e-9) / 0.75e-9


class Batches:
    """A plain re-shuffling batcher."""

    def __init__(self, a, b, size, shuffle):
        self.a, self.b, self.size, self.shuffle = a, b, size, shuffle

    def __len__(self):
        return -(-len(self.a) // self.size)

    def __iter__(self):
        idx = torch.randperm(len(self.a)) if self.shuffle else torch.arange(len(self.a))
        for part in idx.split(self.size):
            yield self.a[part], self.b[part]


train_loader = Batches(recipe[:500], d[:500], 25, True)
val_loader = Batches(recipe[500:], d[500:], 140, False)


class Gel(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 40), nn.SiLU(), nn.Linear(40, 40), nn.SiLU())
        self.head = nn.Linear(40, 1)

    def forward(self, x):
        return self.head(self.body(x))


model = Gel()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(40):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        (a, b), = list(val_loader)
        rel = ((model(a).double() - b) ** 2).mean() / b.double().var()
    print("val R2 %.4g" % (1 - rel.item()))


if __name__ == "__main__":
    train()
