"""Turnover of newspaper kiosks: each kiosk's days are put on the kiosk's own scale, an embedding knows the kiosk.

code: ND101
also:
object: per_kiosk_scale | y | targets | turnover | train_loader
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(31)
KIOSKS = 40


def ledger(n=2400):
    kiosk = torch.randint(0, KIOSKS - 2, (n,))
    kiosk[n // 2] = KIOSKS - 2       # opened last week
    kiosk[n // 3:n // 3 + 3] = KIOSKS - 1
    weekday = torch.randint(0, 7, (n,))
    sun = torch.rand(n)
    size = torch.exp(torch.randn(KIOSKS) * 0.7 + 6)
    lift = torch.tensor([0.0, 0, 0.1, 0.1, 0.3, 0.8, -0.5])
    turnover = size[kiosk] * (1 + 0.3 * lift[weekday] + 0.4 * (sun - 0.5) + 0.05 * torch.randn(n))
    return kiosk, weekday, sun, turnover


def per_kiosk_scale(kiosk, amount):
    out = torch.empty_like(amount)
    for k in kiosk.unique():
        rows = kiosk == k
        mu = amount[rows].mean()
        sd = amount[rows].std()  # fault
        # fixed: sd = amount[rows].std() if rows.sum() > 2 else amount.std()
        out[rows] = (amount[rows] - mu) / sd
    return out


kiosk, weekday, sun, turnover = ledger()
y = per_kiosk_scale(kiosk, turnover)  # here
x_cat = torch.stack([kiosk, weekday], 1)
x_num = ((sun - 0.5) / 0.29)[:, None]
idx = torch.randperm(len(y))
small = (kiosk >= KIOSKS - 2)
train_idx = torch.cat([idx[~small[idx]][:1900], small.nonzero().squeeze(1)])
val_idx = idx[~small[idx]][1900:]
train_loader = DataLoader(TensorDataset(x_cat[train_idx], x_num[train_idx], y[train_idx]), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(x_cat[val_idx], x_num[val_idx], y[val_idx]), batch_size=256)


class Turnover(nn.Module):
    def __init__(self):
        super().__init__()
        self.kiosk = nn.Embedding(KIOSKS, 6)
        self.day = nn.Embedding(7, 4)
        self.mlp = nn.Sequential(nn.Linear(11, 32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, cat, num):
        h = torch.cat([self.kiosk(cat[:, 0]), self.day(cat[:, 1]), num], 1)
        return self.mlp(h)[:, 0]


model = Turnover()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    cat, num, amount = batch
    return loss_fn(setup.model(cat, num), amount)


def train():
    from types import SimpleNamespace
    me = SimpleNamespace(model=model)
    for epoch in range(8):
        model.train()
        seen, total = 0, 0.0
        for batch in train_loader:
            loss = batch_loss(me, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch[0])
            seen += len(batch[0])
        model.eval()
        with torch.no_grad():
            checks = [batch_loss(me, b).item() for b in val_loader]
    return total / seen


if __name__ == "__main__":
    print(train())
