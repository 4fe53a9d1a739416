"""Nightly price of a flat from its description table.

code: ND112
also:
object: price | y | target | Listings
seen: both
"""
import pandas as pd
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def scrape(n=1000):
    r = np.random.default_rng(31)
    df = pd.DataFrame({
        "district": r.choice(["centre", "north", "port", "hills", "campus"], n),
        "rooms": r.integers(1, 5, n), "beds": r.integers(1, 7, n), "baths": r.choice([1, 1, 1, 2], n),
        "metro_min": r.gamma(2, 4, n), "rating": r.normal(4.6, .25, n).clip(3, 5), "reviews": r.poisson(25, n),
    })
    base = df.district.map({"centre": 1.5, "north": .9, "port": 1.2, "hills": 1.0, "campus": .8})
    df["price"] = (base * (45 + 38 * df.rooms + 9 * df.beds + 25 * df.baths - 1.5 * df.metro_min + 60 * (df.rating - 4.6)) * r.lognormal(0, .1, n)).clip(20)
    return df


class Listings(Dataset):
    numeric = ["rooms", "beds", "baths", "metro_min", "rating", "reviews"]

    def __init__(self, df, reference):
        z = (df[self.numeric] - reference[self.numeric].mean()) / reference[self.numeric].std()
        self.x = torch.tensor(z.to_numpy(), dtype=torch.float32)
        self.district = torch.tensor(pd.Categorical(df.district, categories=sorted(reference.district.unique())).codes.copy(), dtype=torch.long)
        price = df.price  # fault
        # fixed: price = (np.log(df.price) - np.log(reference.price).mean()) / np.log(reference.price).std()
        self.y = torch.tensor(price.to_numpy(), dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return (self.district[i], self.x[i]), self.y[i]


class Host(nn.Module):
    def __init__(self):
        super().__init__()
        self.area = nn.Embedding(5, 4)
        self.net = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, inputs):
        district, x = inputs
        return self.net(torch.cat([self.area(district), x], 1))[:, 0]


df = scrape()
train_df, val_df = df.iloc[:800], df.iloc[800:]
torch.manual_seed(0)
train_loader = DataLoader(Listings(train_df, train_df), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(Listings(val_df, train_df), batch_size=100)
model = Host()
loss_fn = nn.MSELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def r2():
    model.eval()
    with torch.no_grad():
        pairs = [(model(x), y) for x, y in val_loader]
    p, y = torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs])
    return float(1 - ((p - y) ** 2).mean() / y.var())


def train():
    for epoch in range(15):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    print("R2", round(r2(), 3))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
