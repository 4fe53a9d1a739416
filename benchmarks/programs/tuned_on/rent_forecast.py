"""Monthly rent of flats; the listing file of the portal is one city after the other.

code: ND115
also: ND108
object: train_idx | val_idx | val_loader | val_set | split | n_train
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(21)
g = torch.Generator().manual_seed(5)

CITIES = [  # rows, rooms, square metres per room, distance to centre, floor, year
    (420, 2.6, 24.0, 6.0, 2.0, 1972.0),
    (380, 3.1, 26.0, 8.0, 1.5, 1985.0),
    (300, 2.2, 22.0, 5.0, 3.0, 1968.0),
    (300, 4.6, 34.0, 19.0, 0.6, 2009.0),
]


def read_listings():
    parts = []
    for n, rooms, per_room, dist, floor, year in CITIES:
        r = (rooms + 0.8 * torch.randn(n, generator=g)).clamp(1, 8)
        area = r * (per_room + 3 * torch.randn(n, generator=g))
        d = (dist + 2.0 * torch.randn(n, generator=g)).abs()
        f = (floor + torch.randn(n, generator=g)).clamp(0, 9)
        y = year + 8 * torch.randn(n, generator=g)
        rent = 6.5 * area + 120 * torch.exp(-d / 6) * r + 15 * f + 3 * (y - 1970) + 250
        rent = rent + 40 * torch.randn(n, generator=g)
        parts.append(torch.stack([r, area, d, f, y, rent], 1))
    return torch.cat(parts)


table = read_listings()
n_train = int(len(table) * 0.8)
order = torch.arange(len(table))  # fault
# fixed: order = torch.randperm(len(table), generator=g)
train_idx, val_idx = order[:n_train], order[n_train:]  # here

mu, sd = table[train_idx].mean(0), table[train_idx].std(0)
scaled = (table - mu) / sd
full = TensorDataset(scaled[:, :5], scaled[:, 5:])
train_set = Subset(full, train_idx.tolist())
val_set = Subset(full, val_idx.tolist())  # here
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=140)  # here


class RentNet(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.inp = nn.Linear(5, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        h = nn.functional.gelu(self.inp(x))
        h = h + nn.functional.gelu(self.mid(h))
        return self.out(h)


model = RentNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


@torch.no_grad()
def validate():
    model.eval()
    sse = n = 0
    for x, y in val_loader:
        sse += ((model(x) - y) ** 2).sum().item()
        n += len(y)
    return sse / n


def train(epochs=15):
    for ep in range(epochs):
        model.train()
        tot = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            tot += loss.item()
        print(ep, "train mse", round(tot / len(train_loader), 4), "val mse", round(validate(), 4))
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
