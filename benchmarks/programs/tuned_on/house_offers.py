"""What will a house fetch? Twelve columns from the listing, an MLP, log price.

code: ND102
also:
object: lot_sqft | column 7 | SCALED | Listings | train_loader | to_matrix
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
N = 1400
COLUMNS = ["rooms", "baths", "floors", "year_built", "garage", "living_sqft", "basement", "lot_sqft", "school", "transit_min", "tax", "condition"]


def listings(n):
    t = {}
    t["rooms"] = torch.randint(2, 9, (n,)).float()
    t["baths"] = torch.randint(1, 4, (n,)).float()
    t["floors"] = torch.randint(1, 4, (n,)).float()
    t["year_built"] = 1940 + 80 * torch.rand(n)
    t["garage"] = torch.randint(0, 3, (n,)).float()
    t["living_sqft"] = 500 + 220 * t["rooms"] + 150 * torch.randn(n)
    t["basement"] = (torch.rand(n) < 0.4).float()
    t["lot_sqft"] = 5000 + 6000 * torch.rand(n) + 2 * t["living_sqft"]
    t["school"] = 10 * torch.rand(n)
    t["transit_min"] = 40 * torch.rand(n)
    t["tax"] = 1 + torch.rand(n)
    t["condition"] = torch.randint(1, 6, (n,)).float()
    z = {k: (v - v.mean()) / v.std() for k, v in t.items()}
    price = 0.5 * z["living_sqft"] + 0.3 * z["school"] - 0.3 * z["transit_min"] + 0.25 * z["condition"] * z["year_built"] + 0.2 * z["lot_sqft"]
    return t, price + 0.1 * torch.randn(n)


table, price = listings(N)
perm = torch.randperm(N)
tr, va = perm[:1100], perm[1100:]
SCALED = [c for c in COLUMNS if c not in ("basement", "lot_sqft")]  # fault
# fixed: SCALED = [c for c in COLUMNS if c != "basement"]
scaler = {c: (table[c][tr].mean(), table[c][tr].std()) for c in SCALED}


def to_matrix(rows):
    cols = []
    for c in COLUMNS:
        v = table[c][rows]
        if c in scaler:  # here
            m, s = scaler[c]
            v = (v - m) / s  # here
        cols.append(v)
    return torch.stack(cols, 1)


y = (price - price[tr].mean()) / price[tr].std()
train_loader = DataLoader(TensorDataset(to_matrix(tr), y[tr]), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(to_matrix(va), y[va]), batch_size=300)


class Appraiser(nn.Module):
    def __init__(self, d=12, h=48):
        super().__init__()
        self.f1, self.f2, self.f3 = nn.Linear(d, h), nn.Linear(h, h), nn.Linear(h, 1)

    def forward(self, x):
        return self.f3(F.silu(self.f2(F.silu(self.f1(x))))).squeeze(-1)


model = Appraiser()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)


def train():
    for epoch in range(14):
        model.train()
        total = 0.0
        for x, t in train_loader:
            loss = loss_fn(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(t)
        model.eval()
        with torch.no_grad():
            err = sum(F.mse_loss(model(x), t, reduction="sum").item() for x, t in val_loader) / len(va)
    return total / len(tr)


if __name__ == "__main__":
    print(train())
