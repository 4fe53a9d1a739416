"""Heating demand of the next hour from the room's recent temperatures and the weather outside.

code: ND303
also: ND501
object: outside | outside.0 | wind | wind.0 | LayerNorm
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader


class Rooms(Dataset):
    def __init__(self, n, seed, stats=None):
        g = torch.Generator().manual_seed(seed)
        outside = 6 + 8 * torch.randn(n, 1, generator=g)
        wind = 3 + 1.5 * torch.randn(n, 1, generator=g).abs()
        room = 20 + torch.cumsum(0.15 * torch.randn(n, 12, generator=g), 1) + 0.02 * outside
        want = 0.08 * (21 - outside) * (1 + 0.1 * wind) + 1.5 * (20 - room[:, -1:]) + 0.5 * (room[:, :1] - room[:, -1:])
        demand = want + 0.1 * torch.randn(n, 1, generator=g)
        self.raw = {"room": room, "outside": outside, "wind": wind, "demand": demand}
        self.stats = stats or {k: (v.mean(), v.std()) for k, v in self.raw.items()}
        self.ready = {k: (v - self.stats[k][0]) / self.stats[k][1] for k, v in self.raw.items()}

    def __len__(self):
        return len(self.ready["demand"])

    def __getitem__(self, i):
        return {k: v[i] for k, v in self.ready.items()}


class DemandNet(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.room = nn.GRU(1, d, batch_first=True)
        self.outside = nn.Sequential(
            nn.LayerNorm(1),  # fault
            # fixed:
            nn.Linear(1, d), nn.ReLU())  # here
        self.wind = nn.Sequential(
            nn.LayerNorm(1),  # fault
            # fixed:
            nn.Linear(1, d), nn.ReLU())  # here
        self.out = nn.Sequential(nn.Linear(3 * d, d), nn.ReLU(), nn.Linear(d, 1))

    def forward(self, batch):
        _, h = self.room(batch["room"].unsqueeze(-1))
        return self.out(torch.cat([h[0], self.outside(batch["outside"]), self.wind(batch["wind"])], -1))  # here


torch.manual_seed(20)
train_set = Rooms(1200, 1)
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(Rooms(240, 2, train_set.stats), batch_size=120)
model = DemandNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch), batch["demand"])


def train():
    for epoch in range(8):
        model.train()
        acc = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch), batch["demand"])
            loss.backward()
            optimizer.step()
            acc += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(b), b["demand"]).item() for b in val_loader) / 2
    return acc / len(train_loader)


if __name__ == "__main__":
    print(train())
