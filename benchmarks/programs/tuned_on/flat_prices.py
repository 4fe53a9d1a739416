"""Asking prices of flats in a city, in euros.

code: ND112
also:
object: targets | price | y | prices
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(61)
torch.manual_seed(61)
DISTRICTS = ["north", "harbour", "old town", "park", "station"]


def offers(n):
    f = pd.DataFrame({
        "area": rng.normal(75, 22, n).clip(20),
        "rooms": rng.integers(1, 6, n),
        "floor": rng.integers(0, 8, n),
        "age": rng.uniform(0, 90, n),
        "district": rng.choice(DISTRICTS, n),
    })
    level = f.district.map(dict(zip(DISTRICTS, [3200, 4100, 5200, 4600, 3600])))
    f["price"] = f.area * level * (1.1 - 0.003 * f.age) + 4000 * f.floor + rng.normal(0, 9000, n)
    return f


class Flats(Dataset):
    numeric = ["area", "rooms", "floor", "age"]

    def __init__(self, f, reference):
        self.numbers = torch.tensor(((f[self.numeric] - reference[self.numeric].mean()) / reference[self.numeric].std()).values, dtype=torch.float32)
        self.district = torch.tensor([DISTRICTS.index(d) for d in f["district"]])
        price = f["price"].to_numpy()  # fault
        # fixed: price = ((f["price"] - reference["price"].mean()) / reference["price"].std()).to_numpy()
        self.price = torch.tensor(price, dtype=torch.float32)[:, None]

    def __len__(self):
        return len(self.price)

    def __getitem__(self, i):
        onehot = torch.nn.functional.one_hot(self.district[i], 5).float()
        return torch.cat([self.numbers[i], onehot]), self.price[i]  # here


train_frame, val_frame = offers(1500), offers(300)
train_loader = DataLoader(Flats(train_frame, train_frame), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(Flats(val_frame, train_frame), batch_size=100)  # here


class PriceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(9, 64), nn.Linear(64, 32), nn.Linear(32, 1)

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


model = PriceNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        sums, n = 0.0, 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            sums, n = sums + loss.item() * len(x), n + len(x)
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(x), y).item() for x, y in val_loader]
        print(epoch, sums / n, np.mean(val))
    return sums / n


if __name__ == "__main__":
    train()
