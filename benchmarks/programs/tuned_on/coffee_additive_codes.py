"""Price of a coffee lot from four code columns (farm, mill, buyer, month), effects added up.

code: ND204
also:
object: tables | table | fromkeys | Lots | ModuleDict
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(99)
torch.manual_seed(99)
COLUMNS = ["farm", "mill", "buyer", "month"]
LEVELS = 12
lots = pd.DataFrame(rng.integers(0, LEVELS, (2000, 4)), columns=COLUMNS)
effects = pd.DataFrame(rng.normal(size=(LEVELS, 4)), columns=COLUMNS)
price = sum(effects[c].to_numpy()[lots[c]] for c in COLUMNS) + rng.normal(0, 0.2, 2000)
lots["price"] = (price - price.mean()) / price.std()
codes = torch.tensor(lots[COLUMNS].to_numpy())
target = torch.tensor(lots["price"].to_numpy(), dtype=torch.float32)
train_loader = DataLoader(TensorDataset(codes[:1600], target[:1600]), batch_size=80, shuffle=True)
val_loader = DataLoader(TensorDataset(codes[1600:], target[1600:]), batch_size=200)


def tables():
    return nn.ModuleDict(dict.fromkeys(COLUMNS, nn.Embedding(LEVELS, 1)))  # fault
    # fixed: return nn.ModuleDict({c: nn.Embedding(LEVELS, 1) for c in COLUMNS})


class Lots(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = tables()
        self.base = nn.Parameter(torch.zeros(1))

    def forward(self, codes):
        parts = [self.table[c](codes[:, j]) for j, c in enumerate(COLUMNS)]
        return torch.stack(parts).sum(0).squeeze(1) + self.base


model = Lots()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse %.3f" % (sum(loss_fn(model(a), b).item() for a, b in val_loader) / 2))


if __name__ == "__main__":
    train()
