"""From backbone turning angles to the bead distance matrix, through predicted coordinates.

code: ND504
also: ND310
object: pairwise | sqrt | Folder | pairwise_distances
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BEADS = 7


def pairwise_distances(xyz):
    diff = xyz.unsqueeze(-2) - xyz.unsqueeze(-3)
    return torch.sqrt((diff ** 2).sum(-1))  # fault
    # fixed: return torch.sqrt((diff ** 2).sum(-1) + 1e-9)


def simulate(n):
    """Planar chains of unit bonds, angles near zig-zag."""
    turn = torch.randn(n, BEADS - 2) * 0.7
    heading = torch.cat([torch.zeros(n, 1), turn], 1).cumsum(1)
    step = torch.stack([heading.cos(), heading.sin()], -1)
    xy = torch.cat([torch.zeros(n, 1, 2), step.cumsum(1)], 1)
    angles = torch.cat([turn.sin(), turn.cos()], 1)
    return TensorDataset(angles, pairwise_distances(xy))


class Folder(nn.Module):
    def __init__(self, hidden=96):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(2 * (BEADS - 2), hidden), nn.Tanh(),
            nn.Linear(hidden, hidden), nn.Tanh(),
            nn.Linear(hidden, BEADS * 3),
        )

    def forward(self, angles):
        xyz = self.mlp(angles).view(-1, BEADS, 3)
        return pairwise_distances(xyz)  # here


torch.manual_seed(55)
train_loader = DataLoader(simulate(960), batch_size=32, shuffle=True)
val_loader = DataLoader(simulate(192), batch_size=96)
model = Folder()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for angles, dist in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(angles), dist)
            loss.backward()  # here
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(a), d).item() for a, d in val_loader) / len(val_loader)
        print(f"epoch {epoch} {total / len(train_loader):.4f} {val:.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
