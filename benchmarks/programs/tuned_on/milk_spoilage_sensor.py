"""Spoil or fresh: an electronic nose smells milk samples, some measurements failed and are dropped.

code: ND104
also:
object: labels | features | targets | dropna | train_set | train_loader | dataset
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

rng = np.random.default_rng(88)
torch.manual_seed(88)


def read_nose(n=1100):
    spoiled = pd.Series(rng.integers(0, 2, n), name="spoiled")
    gases = {}
    for name, gain in [("acid", 1.1), ("ethanol", 0.8), ("sulphur", 0.6), ("ketone", -0.7)]:
        gases[name] = 20 + 4 * (gain * spoiled + rng.normal(0, 0.6, n))
    nose = pd.DataFrame(gases)
    nose.loc[rng.random(n) < 0.12, "sulphur"] = np.nan  # failed measurement
    return nose, spoiled


nose, labels = read_nose()
features = nose.dropna()
targets = labels.iloc[:len(features)]  # fault
# fixed: targets = labels.loc[features.index]
features = (features - features.mean()) / features.std()

dataset = TensorDataset(torch.tensor(features.values, dtype=torch.float32),  # here
                        torch.tensor(targets.values, dtype=torch.float32).view(-1, 1))  # here
train_set, val_set = random_split(dataset, [len(dataset) - 200, 200])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=100)  # here


class NoseNet(nn.Module):
    def __init__(self, inputs, hidden=16):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, 1))

    def forward(self, x):
        return self.layers(x)


model = NoseNet(features.shape[1])
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)


def train():
    for epoch in range(12):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum(((model(x) > 0).float() == y).sum().item() for x, y in val_loader)
    print(f"validation accuracy {right / 200:.3f}")


if __name__ == "__main__":
    train()
