"""Price of a used car from its make, fuel, age and mileage; makes go through an embedding.

code: ND106
also:
object: make | makes | codes | factorize | encode | val_frame | val_loader
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(71)
rng = np.random.default_rng(71)
MAKES = ["volvo", "fiat", "skoda", "bmw", "seat", "dacia", "audi", "kia", "honda", "opel", "lada", "jaguar"]
worth = dict(zip(MAKES, rng.permutation(np.linspace(-1.6, 1.6, len(MAKES)))))


def market(n, makes):
    f = pd.DataFrame({"make": rng.choice(makes, n), "age": rng.uniform(0, 15, n), "km": rng.uniform(5, 220, n)})
    f["price"] = f.make.map(worth) - 0.10 * (f.age - 7) - 0.004 * (f.km - 110) + rng.normal(0, 0.15, n)
    return f


makes = sorted(MAKES)
train_frame = market(900, makes)
val_frame = market(300, makes)


def encode(frame):
    make = pd.factorize(frame["make"])[0]  # fault
    # fixed: make = pd.Categorical(frame["make"], categories=makes).codes
    numbers = (frame[["age", "km"]] - [7.5, 112.0]) / [4.3, 62.0]
    return TensorDataset(torch.tensor(np.array(make)).long(), torch.tensor(numbers.to_numpy()).float(),
                         torch.tensor(frame["price"].to_numpy()).float())


train_loader = DataLoader(encode(train_frame), batch_size=45, shuffle=True)
val_loader = DataLoader(encode(val_frame), batch_size=300)


class Price(nn.Module):
    def __init__(self):
        super().__init__()
        self.make = nn.Embedding(len(makes), 6)
        self.net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, make, numbers):
        return self.net(torch.cat([self.make(make), numbers], 1)).squeeze(1)


model = Price()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    make, numbers, price = batch
    return loss_fn(model(make, numbers), price)


def train():
    for _ in range(15):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse", batch_loss(model, next(iter(val_loader))).item())


if __name__ == "__main__":
    train()
