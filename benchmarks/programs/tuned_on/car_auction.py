"""Hammer prices of used cars from a dozen columns and the make.

code: ND102
also:
object: mileage | column 3 | CONFIG | scaled | numeric
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

COLUMNS = ["age", "owners", "doors", "mileage", "engine_l", "power", "seats", "services", "dents", "tyres", "tank", "weight"]
CONFIG = {
    "lr": 1e-3,
    "batch": 64,
    "epochs": 12,
    "scaled": ["age", "owners", "doors", "engine_l", "power", "seats", "services", "dents", "tyres", "tank", "weight"],  # fault
    # fixed: "scaled": COLUMNS,
}


def load(n=1200, seed=5):
    r = np.random.default_rng(seed)
    age = r.gamma(3, 2.2, n)
    raw = {
        "age": age, "owners": 1 + r.poisson(age / 5), "doors": r.choice([3., 4, 5], n),
        "mileage": age * 14 + r.normal(0, 18, n).clip(-20),          # thousand km
        "engine_l": r.normal(1.7, .4, n), "power": r.normal(115, 30, n), "seats": r.choice([2., 4, 5, 7], n),
        "services": r.poisson(age), "dents": r.poisson(1.2, n), "tyres": r.uniform(1, 8, n),
        "tank": r.normal(52, 7, n), "weight": r.normal(1300, 180, n),
    }
    make = r.integers(0, 8, n)
    prestige = np.linspace(-.4, .5, 8)[make]
    price = 9.6 - .09 * age + .006 * (raw["power"] - 115) + prestige - .05 * raw["dents"] + .03 * raw["tyres"] + r.normal(0, .08, n)
    return {k: np.asarray(v, float) for k, v in raw.items()}, make, price


class Auction(Dataset):
    def __init__(self, raw, make, price, rows, stats):
        x = []
        for name in COLUMNS:
            column = raw[name]
            if name in CONFIG["scaled"]:
                m, s = stats[name]
                column = (column - m) / s
            x.append(column)
        self.x = torch.tensor(np.stack(x, 1)[rows], dtype=torch.float32)  # here
        self.make = torch.tensor(make[rows])
        self.y = torch.tensor(((price - stats["price"][0]) / stats["price"][1])[rows], dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"numeric": self.x[i], "make": self.make[i], "price": self.y[i]}


class Pricer(nn.Module):
    def __init__(self):
        super().__init__()
        self.make = nn.Embedding(8, 4)
        self.net = nn.Sequential(nn.Linear(len(COLUMNS) + 4, 48), nn.Tanh(), nn.Linear(48, 24), nn.Tanh(), nn.Linear(24, 1))

    def forward(self, numeric, make):
        return self.net(torch.cat([numeric, self.make(make)], 1)).squeeze(1)


raw, make, price = load()
rows = np.random.default_rng(0).permutation(len(price))
train_rows, val_rows = rows[:960], rows[960:]
stats = {k: (v[train_rows].mean(), v[train_rows].std()) for k, v in raw.items()}
stats["price"] = (price[train_rows].mean(), price[train_rows].std())
torch.manual_seed(0)
train_loader = DataLoader(Auction(raw, make, price, train_rows, stats), batch_size=CONFIG["batch"], shuffle=True)  # here
val_loader = DataLoader(Auction(raw, make, price, val_rows, stats), batch_size=CONFIG["batch"])
model = Pricer()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=CONFIG["lr"])


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["numeric"], batch["make"]), batch["price"])


def train():
    for epoch in range(CONFIG["epochs"]):
        model.train()
        total = 0.0
        for batch in train_loader:
            loss = loss_fn(model(batch["numeric"], batch["make"]), batch["price"])
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(b["numeric"], b["make"]), b["price"]).item() for b in val_loader])
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
