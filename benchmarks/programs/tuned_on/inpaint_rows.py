"""Fills missing rows of small height maps; the error counts on the hole only.

code: ND405
also: ND604
object: hole_loss | loss_fn | reduction | optimizer | lr
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Maps(Dataset):
    def __init__(self, n, seed, size=20):
        g = torch.Generator().manual_seed(seed)
        u = torch.linspace(0, 6.28, size)
        a, b, p, q = torch.rand(4, n, 1, 1, generator=g)
        self.maps = (torch.sin(u[None, :, None] * (a + .5) + 6 * p) + torch.cos(u[None, None] * (b + .5) + 6 * q)).unsqueeze(1)
        self.rows = torch.randint(2, size - 5, (n,), generator=g)

    def __len__(self):
        return len(self.maps)

    def __getitem__(self, i):
        full = self.maps[i]
        hole = torch.zeros_like(full)
        hole[:, self.rows[i]:self.rows[i] + 3] = 1
        return torch.cat([full * (1 - hole), hole]), (full, hole)


def hole_loss(filled, target):
    full, hole = target
    err = (filled - full).pow(2) * hole
    return err.sum()  # fault
    # fixed: return err.sum() / hole.sum()


class Filler(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.enter = nn.Conv2d(2, c, 5, padding=2)
        self.mid = nn.ModuleList([nn.Conv2d(c, c, 3, padding=1) for _ in range(3)])
        self.leave = nn.Conv2d(c, 1, 3, padding=1)

    def forward(self, x):
        h = torch.relu(self.enter(x))
        for layer in self.mid:
            h = h + torch.relu(layer(h))
        return self.leave(h)


torch.manual_seed(14)
train_loader = DataLoader(Maps(160, 1), batch_size=16, shuffle=True)
val_loader = DataLoader(Maps(40, 2), batch_size=20)
model, loss_fn = Filler(), hole_loss  # here
optimizer = torch.optim.SGD(model.parameters(), lr=.02, momentum=.9)  # here


def train():
    late = []
    for epoch in range(8):
        model.train()
        for x, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), target)  # here
            loss.backward()
            optimizer.step()
            late.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), t).item() for x, t in val_loader) / len(val_loader)
    return sum(late[-10:]) / 10


if __name__ == "__main__":
    print(train())
