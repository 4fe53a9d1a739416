"""Allergy index of a day from a set of pollen grains (points with 3 features): set attention, dict batches.

code: ND301
also:
object: split | merge | attend | SetAttention | att
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader


class SetAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(d, d, bias=False) for _ in range(3))
        self.proj = nn.Linear(d, d)

    def split(self, z):
        b, n, d = z.shape
        return z.reshape(n, b, self.heads, d // self.heads).permute(1, 2, 0, 3)  # fault
        # fixed: return z.reshape(b, n, self.heads, d // self.heads).permute(0, 2, 1, 3)

    def forward(self, x):
        q, k, v = self.split(self.to_q(x)), self.split(self.to_k(x)), self.split(self.to_v(x))  # here
        w = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
        z = (w @ v).permute(0, 2, 1, 3).flatten(2)
        return x + self.proj(z)


class PollenNet(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.inp = nn.Linear(3, d)
        self.att = SetAttention(d, 4)
        self.out = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.GELU(), nn.Linear(d, 1))

    def forward(self, grains):
        return self.out(self.att(self.inp(grains)).mean(1)).squeeze(-1)


def day(gen):
    centre = torch.randn(3, generator=gen)
    grains = centre + 0.4 * torch.randn(15, 3, generator=gen)
    return {"grains": grains, "index": torch.tanh(centre[0]) + 0.5 * centre[1]}


def collate(days):
    return {k: torch.stack([d[k] for d in days]) for k in days[0]}


gen = torch.Generator().manual_seed(77)
torch.manual_seed(77)
train_loader = DataLoader([day(gen) for _ in range(600)], batch_size=30, shuffle=True, collate_fn=collate)
val_loader = DataLoader([day(gen) for _ in range(120)], batch_size=60, collate_fn=collate)
model = PollenNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["grains"]), batch["index"])


def train():
    for epoch in range(7):
        model.train()
        hist = []
        for batch in train_loader:
            loss = loss_fn(model(batch["grains"]), batch["index"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            hist.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(b["grains"]), b["index"]).item() for b in val_loader]
    return sum(hist) / len(hist)


if __name__ == "__main__":
    print(train())
