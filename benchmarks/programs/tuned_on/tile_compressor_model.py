"""Compress small picture tiles with a sparse autoencoder.

code: ND307
also: ND501 | ND502
object: shrink | Softshrink | lambd | SparseCoder | code
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Tiles(Dataset):
    """8 x 8 tiles made of a few ramps and bars, standardised; the tile is its own target."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        line = torch.linspace(-1, 1, 8)
        yy, xx = torch.meshgrid(line, line, indexing="ij")
        basis = torch.stack([xx, yy, xx * yy, (3 * xx).sin(), (3 * yy).sin(), (xx**2 + yy**2) - 0.87])
        mix = torch.randn(n, 6, generator=g)
        tiles = torch.einsum("nk,kij->nij", mix, basis) + 0.1 * torch.randn(n, 8, 8, generator=g)
        self.tiles = (tiles / tiles.std()).flatten(1)

    def __len__(self):
        return len(self.tiles)

    def __getitem__(self, i):
        return self.tiles[i], self.tiles[i]


class SparseCoder(nn.Module):
    def __init__(self, codes=48):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, codes))
        self.shrink = nn.Softshrink(lambd=5.0)  # fault
        # fixed: self.shrink = nn.Softshrink(lambd=0.05)
        self.decode = nn.Linear(codes, 64)

    def forward(self, x):
        code = self.shrink(self.encode(x))  # here
        return self.decode(code)


torch.manual_seed(23)
train_loader = DataLoader(Tiles(1600, 1), batch_size=64, shuffle=True)
val_loader = DataLoader(Tiles(300, 2), batch_size=100)
model = SparseCoder()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(12):
        model.train()
        for x, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), target)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        errors = [loss_fn(model(x), t).item() for x, t in val_loader]
    print("reconstruction error", sum(errors) / len(errors))


if __name__ == "__main__":
    train()
