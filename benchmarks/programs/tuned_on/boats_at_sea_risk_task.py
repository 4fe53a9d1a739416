"""Risk of a boat from the boats around it; many a boat is alone and its neighbour slots hold old entries.

code: ND309
also:
object: masked_fill | softmax | weights | Neighbours | mask
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class Boats(Dataset):
    """Own state, six neighbour slots (unused slots keep whatever was there before), slots in use."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.own = torch.randn(n, 3, generator=g)
        self.slots = torch.randn(n, 6, 3, generator=g) * 1.5
        used = torch.randint(1, 7, (n, 1), generator=g)
        alone = torch.rand(n, 1, generator=g) < 0.6
        self.used = (torch.arange(6) < used) & ~alone
        threat = (self.slots.abs().sum(2) * self.used).sum(1) / self.used.sum(1).clamp(min=1)
        risk = 0.3 * self.own[:, 0] + 1.5 * threat
        self.risk = (risk - 2.2) / 2.8

    def __len__(self):
        return len(self.risk)

    def __getitem__(self, i):
        return self.own[i], self.slots[i], self.used[i], self.risk[i]


class Neighbours(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width))
        self.query = nn.Linear(3, width)
        self.out = nn.Sequential(nn.Linear(width + 3, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, own, slots, used):
        h = self.embed(slots)
        scores = (h @ self.query(own).unsqueeze(2)).squeeze(2) / 32 ** 0.5
        scores = scores.masked_fill(~used, -1e9)
        weights = torch.softmax(scores, dim=1)  # fault
        # fixed: weights = torch.softmax(scores, dim=1) * used
        around = (weights.unsqueeze(2) * h).sum(1)
        return self.out(torch.cat([own, around], 1)).squeeze(1)


torch.manual_seed(13)
train_loader = DataLoader(Boats(1500, 1), batch_size=50, shuffle=True)
val_loader = DataLoader(Boats(400, 2), batch_size=200)
model = Neighbours()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    own, slots, used, risk = batch
    return nn.functional.mse_loss(model(own, slots, used), risk)


def train():
    for epoch in range(15):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse %.3f" % (sum(batch_loss(model, b).item() for b in val_loader) / 2))


if __name__ == "__main__":
    train()
