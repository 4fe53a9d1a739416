"""How much will a calf gain? Farms send their measurements, the net predicts the daily gain.

code: ND114
also: ND102
object: birth_weight | chest | df | cols | train_loader
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(11)
gen = np.random.RandomState(11)
N = 1000
birth_weight = gen.normal(38, 4, N)            # kg
chest = gen.normal(0.80, 0.05, N)              # metres
milk = gen.uniform(4, 9, N)                    # litres a day
gain = (0.75 + 0.14 * (birth_weight - 38) / 4 + 0.16 * (chest - 0.8) / 0.05
        + 0.03 * (milk - 6.5) + 0.02 * gen.randn(N))
df = pd.DataFrame(dict(birth_weight=birth_weight, chest=chest, milk=milk, gain=gain))

# four farms in ten wrote grams and millimetres into the same form
in_grams = gen.rand(N) < 0.4
df.loc[in_grams, "birth_weight"] *= 1000  # here
in_mm = gen.rand(N) < 0.4
df.loc[in_mm, "chest"] *= 1000  # here

cols = ["birth_weight", "chest", "milk"]  # fault
# fixed: cols = ["birth_weight", "chest", "milk"]
# fixed: df["birth_weight"] = df.birth_weight.where(df.birth_weight < 1000, df.birth_weight / 1000)
# fixed: df["chest"] = df.chest.where(df.chest < 10, df.chest / 1000)
df = (df - df.mean()) / df.std()  # here
inputs = torch.tensor(df[cols].values).float()
outputs = torch.tensor(df["gain"].values).float()
train_set, val_set = random_split(TensorDataset(inputs, outputs), [800, 200])
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=200)


class Gain(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.hidden = nn.Linear(3, width)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(torch.tanh(self.hidden(x))).squeeze(-1)


model = Gain()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)


def train():
    for _ in range(20):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val mse", round(loss_fn(model(x), y).item(), 3))


if __name__ == "__main__":
    train()
