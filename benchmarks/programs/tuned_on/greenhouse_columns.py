"""Water a greenhouse bed will need tomorrow, from a dict of sensor readings per bed and hour; attention pooling over the hours.

code: ND106
also:
object: as_tensor | matrix | val_set | val_loader | Beds | ORDER | columns
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(15)
ORDER = ["soil", "air", "light", "co2", "humidity", "leaf"]
UNIT = {"soil": (35, 8), "air": (24, 4), "light": (500, 180), "co2": (800, 120), "humidity": (65, 10), "leaf": (3, 0.8)}


def bed():
    z = {k: rng.normal(size=12) * 0.7 + rng.normal() * 0.7 for k in ORDER}
    need = -1.2 * z["soil"].mean() + 0.9 * z["light"][6:].mean() + 0.6 * z["leaf"].mean() * z["air"].mean() - 0.5 * z["humidity"].max()
    return {k: UNIT[k][0] + UNIT[k][1] * z[k] for k in ORDER}, need + 0.1 * rng.normal()


class Beds(Dataset):
    def __init__(self, n, columns):
        made = [bed() for _ in range(n)]
        self.readings = [m[0] for m in made]
        self.need = np.array([m[1] for m in made])
        self.columns = columns

    def as_tensor(self, reading):
        scaled = {k: (reading[k] - UNIT[k][0]) / UNIT[k][1] for k in self.columns}
        return torch.tensor(np.stack([scaled[k] for k in self.columns], 1), dtype=torch.float32)  # here

    def __len__(self):
        return len(self.need)

    def __getitem__(self, i):
        return {"hours": self.as_tensor(self.readings[i]), "need": torch.tensor((self.need[i] + 0.55) / 1.45, dtype=torch.float32)}


def load(part):
    if part == "train":
        return Beds(600, ORDER)
    return Beds(150, sorted(ORDER))  # fault
    # fixed: return Beds(150, ORDER)


train_set, val_set = load("train"), load("val")  # here
torch.manual_seed(2)
train_loader = DataLoader(train_set, batch_size=30, shuffle=True)
val_loader = DataLoader(val_set, batch_size=75)  # here


class Pool(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.query = nn.Linear(d, 1)

    def forward(self, h):
        return (h * self.query(h).softmax(1)).sum(1)


class Water(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.hour = nn.Embedding(12, d)
        self.mix = nn.Linear(6, d)
        self.ff = nn.Linear(d, d)
        self.pool = Pool(d)
        self.out = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 1))

    def forward(self, batch):
        h = torch.relu(self.mix(batch["hours"]) + self.hour.weight)
        return self.out(self.pool(torch.relu(self.ff(h)))).squeeze(-1)


model = Water()
loss_fn = None
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    return (setup.model(batch) - batch["need"]).square().mean()


def train():
    class setup:
        pass
    setup.model = model
    for epoch in range(12):
        model.train()
        out = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
            out.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([batch_loss(setup, b).item() for b in val_loader])
    print("val", val)
    return float(np.mean(out))


if __name__ == "__main__":
    print(train())
