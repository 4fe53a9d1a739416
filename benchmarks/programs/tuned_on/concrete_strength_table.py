"""Strength of concrete from its recipe; two csv files, one to train and one to check.

code: ND106
also:
object: check | columns | numbers | val_loader | difference
seen: both
"""
import io

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(73)
torch.manual_seed(73)
RECIPE = ["cement", "water", "slag", "ash", "sand", "age"]


def csv_file(n, columns):
    z = pd.DataFrame(rng.normal(size=(n, 6)), columns=RECIPE)
    strength = 12 * z.cement - 8 * z.water + 3 * z.slag + 6 * np.tanh(2 * z.age) + rng.normal(0, 1, n)
    raw = z * [100, 20, 60, 55, 80, 10] + [280, 180, 120, 110, 770, 35]
    raw = raw[columns].assign(strength=35 + strength)
    return io.StringIO(raw.to_csv(index=False))


train_csv, check_csv = csv_file(800, RECIPE), csv_file(250, sorted(RECIPE))
fit = pd.read_csv(train_csv)
check = pd.read_csv(check_csv)
centre, spread = fit.mean(), fit.std()
fit = (fit - centre) / spread
check = check.sub(centre[check.columns]).div(spread[check.columns])  # fault
# fixed: check = check[fit.columns].sub(centre).div(spread)



def numbers(frame):
    recipe = frame.drop(columns="strength").to_numpy(dtype="float32")
    return TensorDataset(torch.from_numpy(recipe), torch.tensor(frame.strength.to_numpy(dtype="float32")))


train_loader = DataLoader(numbers(fit), batch_size=40, shuffle=True)
val_loader = DataLoader(numbers(check), batch_size=250)


class Strength(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift, self.mix, self.out = nn.Linear(6, 32), nn.Linear(32, 32), nn.Linear(32, 1)

    def forward(self, recipe):
        h = F.relu(self.lift(recipe))
        return self.out(h + F.relu(self.mix(h)))[..., 0]


model = Strength()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for _ in range(15):
        model.train()
        for recipe, strength in train_loader:
            optimizer.zero_grad()
            loss_fn(model(recipe), strength).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        recipe, strength = next(iter(val_loader))
        print("val mse", loss_fn(model(recipe), strength).item())


if __name__ == "__main__":
    train()
