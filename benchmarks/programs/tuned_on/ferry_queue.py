"""Waiting cars at four ferry piers, one head per pier over a shared trunk.

code: ND203
also: ND601
object: heads | self.heads | PierNet.heads
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

PIERS = ("north", "south", "island", "town")


class PierNet(nn.Module):
    def __init__(self, n_features, width=40):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(n_features, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.heads = {p: nn.Linear(width, 1) for p in PIERS}  # fault
        # fixed: self.heads = nn.ModuleDict({p: nn.Linear(width, 1) for p in PIERS})

    def forward(self, x):
        h = self.trunk(x)
        return torch.cat([self.heads[p](h) for p in PIERS], dim=1)  # here


class Queues(Dataset):
    """hour of day and weekday on the circle, wind, holiday flag -> cars waiting (standardised)."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        hour = torch.rand(n, generator=g) * 6.283
        day = torch.randint(0, 7, (n,), generator=g) * 6.283 / 7
        wind = torch.randn(n, generator=g)
        holiday = (torch.rand(n, generator=g) < 0.3).float()
        self.x = torch.stack([hour.sin(), hour.cos(), day.sin(), day.cos(), wind, holiday - 0.3], 1)
        base = torch.stack([hour.sin() + holiday, (2 * hour).cos() - 0.5 * wind, holiday * day.cos(), hour.cos() * day.sin() + wind], 1)
        self.y = base - base.mean(0) + 0.1 * torch.randn(n, 4, generator=g)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


torch.manual_seed(2)
train_loader = DataLoader(Queues(800, 0), batch_size=50, shuffle=True)
val_loader = DataLoader(Queues(200, 1), batch_size=100)
model = PierNet(6)
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def run_epoch(loader, learn):
    model.train(learn)
    total, count = 0.0, 0
    with torch.set_grad_enabled(learn):
        for x, y in loader:
            loss = loss_fn(model(x), y)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(x)
            count += len(x)
    return total / count


def train():
    for epoch in range(10):
        tr = run_epoch(train_loader, True)
        va = run_epoch(val_loader, False)
    return tr


if __name__ == "__main__":
    print(train())
