"""Length of stay (log days) at admission; the registry exports of two hospitals appended to one table.

code: ND115
also: ND108
object: val_ds | train_ds | val_idx | train_idx | val_loader | split
seen: checkup
"""
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Subset, TensorDataset

gen = torch.Generator().manual_seed(99)
torch.manual_seed(99)


def export(n, age, crp, emergency, site_days):
    a = age + 12 * torch.randn(n, generator=gen)
    c = (crp + 0.6 * torch.randn(n, generator=gen)).exp()
    hb = 13 - 0.02 * (a - 50) + torch.randn(n, generator=gen)
    em = (torch.rand(n, generator=gen) < emergency).float()
    los = 0.6 + 0.012 * a + 0.25 * c.log() + 0.4 * em - 0.05 * hb + site_days + 0.15 * torch.randn(n, generator=gen)
    return torch.stack([a, c.log(), hb, em], 1), los


# county hospital first, then the geriatric clinic
x1, y1 = export(1200, age=48.0, crp=1.5, emergency=0.3, site_days=0.0)
x2, y2 = export(400, age=76.0, crp=3.0, emergency=0.75, site_days=0.5)
X, y = torch.cat([x1, x2]), torch.cat([y1, y2])

n_val = int(0.2 * len(X))
order = torch.arange(len(X))  # fault
# fixed: order = torch.randperm(len(X), generator=gen)
train_idx, val_idx = order[:-n_val], order[-n_val:]  # here

mean, std = X[train_idx].mean(0), X[train_idx].std(0)
y_mean, y_std = y[train_idx].mean(), y[train_idx].std()
dataset = TensorDataset((X - mean) / std, (y - y_mean) / y_std)
train_ds = Subset(dataset, train_idx.tolist())  # here
val_ds = Subset(dataset, val_idx.tolist())  # here
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)  # here
val_loader = DataLoader(val_ds, batch_size=160)  # here


class StayNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU())
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        return self.head(self.body(x))[:, 0]


model = StayNet()
loss_fn = nn.SmoothL1Loss()
optimizer = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)


def validate():
    model.eval()
    with torch.no_grad():
        err = [loss_fn(model(x), t).item() * len(t) for x, t in val_loader]
    return sum(err) / len(val_ds)


def train(epochs=12):
    for e in range(epochs):
        model.train()
        seen, total = 0, 0.0
        for x, t in train_loader:
            loss = loss_fn(model(x), t)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(t)
            seen += len(t)
        val = validate()
    return total / seen


if __name__ == "__main__":
    print(train(), validate())
