"""Chemical shift of an atom from its neighbours (a set with a mask), trained in pure bfloat16 to save memory.

code: ND807
also: ND605
object: model | dtype | bfloat16 | optimizer | DTYPE
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

DTYPE = torch.bfloat16  # fault
# fixed: DTYPE = torch.float32


class Atoms(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.kind = torch.randint(1, 6, (n, 6), generator=g)
        self.mask = (torch.arange(6) < torch.randint(2, 7, (n, 1), generator=g)).float()
        self.dist = 1 + torch.rand(n, 6, generator=g)
        pull = torch.tensor([0, .2, .9, -.5, 1.4, -1.])[self.kind]
        y = (pull / self.dist ** 2 * self.mask).sum(1)
        self.y = (y - .35) / .7

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"kind": self.kind[i], "dist": self.dist[i] - 1.5, "mask": self.mask[i], "shift": self.y[i]}


class Shift(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.kind = nn.Embedding(6, d)
        self.pair = nn.Sequential(nn.Linear(d + 1, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.norm = nn.LayerNorm(48)
        self.out = nn.Linear(48, 1)

    def forward(self, kind, dist, mask):
        h = torch.cat([self.kind(kind), dist.unsqueeze(-1).to(self.out.weight.dtype)], -1)
        h = (self.pair(h) * mask.unsqueeze(-1).to(h.dtype)).sum(1)
        return self.out(self.norm(h)).squeeze(-1)


torch.manual_seed(77)
train_loader = DataLoader(Atoms(512, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Atoms(128, 2), batch_size=64)
model = Shift().to(DTYPE)  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)  # here


def batch_loss(setup, b):
    return nn.functional.mse_loss(setup.model(b["kind"], b["dist"], b["mask"]).float(), b["shift"])


def train():
    class setup: pass
    setup.model = model
    for epoch in range(14):
        model.train()
        losses = []
        for b in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, b)
            loss.backward()
            optimizer.step()  # here
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
