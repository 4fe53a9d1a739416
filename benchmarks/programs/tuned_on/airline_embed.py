"""Delay of a flight: carrier and airport as embeddings, hour and wind as numbers.

code: ND106
also:
object: carrier | encode | code_column | val_set | val_loader | column 0
seen: both
"""
import random
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(37)
torch.manual_seed(37)
CARRIERS = ["AeroBo", "Baltia", "Cirrus", "Delphin", "Ember", "Finch", "Gale", "Heron", "Ibis", "Jetlin"]
AIRPORTS = ["ARN", "BUD", "CPH", "DUB", "EIN", "FAO"]
LATE = {c: 2.2 * ((7 * k) % 10 - 4.5) / 4.5 for k, c in enumerate(CARRIERS)}


def flights(n, rare):
    rows = []
    for i in range(n):
        # Baltia folded in the spring; a handful of its flights are in the older file
        c = "Baltia" if i < rare else random.choice([k for k in CARRIERS if k != "Baltia"])
        a, h = random.choice(AIRPORTS), random.uniform(0, 24)
        w = random.gauss(0, 1)
        delay = LATE[c] + 0.7 * (AIRPORTS.index(a) - 2.5) / 2.5 + 0.05 * (h - 12) + 0.3 * w + random.gauss(0, 0.25)
        rows.append({"carrier": c, "airport": a, "hour": h, "wind": w, "delay": delay})
    return rows


def code_column(rows, name):
    return {v: k for k, v in enumerate(sorted({r[name] for r in rows}))}


class Flights(Dataset):
    def __init__(self, rows, codes=None):
        self.codes = codes or {name: code_column(rows, name) for name in ("carrier", "airport")}
        self.cat = torch.tensor([[self.codes["carrier"][r["carrier"]], self.codes["airport"][r["airport"]]] for r in rows])
        self.num = torch.tensor([[(r["hour"] - 12) / 6.9, r["wind"]] for r in rows])
        self.y = torch.tensor([r["delay"] for r in rows])

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return (self.cat[i], self.num[i]), self.y[i]


train_set = Flights(flights(1200, rare=12))
val_set = Flights(flights(300, rare=0))  # fault
# fixed: val_set = Flights(flights(300, rare=0), train_set.codes)
train_loader = DataLoader(train_set, batch_size=48, shuffle=True)
val_loader = DataLoader(val_set, batch_size=150)  # here


class DelayNet(nn.Module):
    def __init__(self, sizes=(10, 6), dim=8):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(s, dim) for s in sizes)
        self.mlp = nn.Sequential(nn.Linear(2 * dim + 2, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, flight):
        cat, num = flight
        h = torch.cat([t(cat[:, k]) for k, t in enumerate(self.tables)] + [num], 1)
        return self.mlp(h).squeeze(1)


model = DelayNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-3)


def train():
    for epoch in range(10):
        model.train()
        s = n = 0
        for flight, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(flight), y)
            loss.backward()
            optimizer.step()
            s, n = s + loss.item(), n + 1
        model.eval()
        with torch.no_grad():
            rmse = (sum(((model(c) - y) ** 2).sum().item() for c, y in val_loader) / len(val_set)) ** 0.5
    print("rmse", rmse)
    return s / n


if __name__ == "__main__":
    print(train())
