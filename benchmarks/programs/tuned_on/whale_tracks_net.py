"""From the speed and turning a tag recorded at every surfacing, estimate how deep the whale dived after it.

code: ND113
also:
object: masked_mse | mask | error | batch_loss | depths | pad
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(71)


class Tracks(Dataset):
    """Tracks of very uneven length, padded with zeros to the longest: (steps, length, depths)."""

    longest = 50

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.rows = []
        for _ in range(n):
            length = int(5 + 45 * torch.rand((), generator=g) ** 5)
            steps = torch.randn(length, 3, generator=g)
            level = torch.cumsum(steps[:, 0], 0) / torch.arange(1, length + 1).sqrt()
            depths = 3.0 + 0.8 * level + 0.6 * steps[:, 1] * torch.sign(steps[:, 2])
            depths += 0.1 * torch.randn(length, generator=g)
            pad = self.longest - length
            self.rows.append((nn.functional.pad(steps, (0, 0, 0, pad)), length, nn.functional.pad(depths, (0, pad))))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class CausalEncoder(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.inp = nn.Linear(3, width)
        place = torch.arange(Tracks.longest)[:, None] / 10 ** torch.linspace(0, 2, width // 2)
        self.register_buffer("place", torch.cat([place.sin(), place.cos()], 1) / math.sqrt(2))
        self.block = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.out = nn.Linear(width, 1)
        hidden = torch.triu(torch.ones(Tracks.longest, Tracks.longest, dtype=torch.bool), 1)
        self.register_buffer("hidden", hidden)

    def forward(self, steps):
        h = self.inp(steps) + self.place
        return self.out(self.block(h, src_mask=self.hidden)).squeeze(-1)


def masked_mse(depth, depths, length):
    mask = torch.arange(depths.shape[1])[None] < length[:, None]
    error = (depth - depths) ** 2
    return error.mean()  # fault
    # fixed: return error[mask].mean()


train_loader = DataLoader(Tracks(400, 0), batch_size=25, shuffle=True)
val_loader = DataLoader(Tracks(150, 1), batch_size=50)
model = CausalEncoder()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    steps, length, depths = batch
    return masked_mse(setup.model(steps), depths, length)


def train():
    for epoch in range(6):
        model.train()
        for steps, length, depths in train_loader:
            optimizer.zero_grad()
            loss = masked_mse(model(steps), depths, length)
            loss.backward()
            optimizer.step()
    model.eval()
    total = count = 0
    with torch.no_grad():
        for steps, length, depths in val_loader:
            real = torch.arange(Tracks.longest)[None] < length[:, None]
            total += ((model(steps) - depths)[real] ** 2).sum().item()
            count += real.sum().item()
    print(f"loss {loss.item():.3f}, val mse on real steps {total / count:.3f}")


if __name__ == "__main__":
    train()
