"""Finds leaking valves; the few leaks are copied several times so that both classes count alike.

code: ND105
also:
object: oversample | table | train_test_split | val_part | split
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)
r = np.random.RandomState(13)


def readings(n):
    d = pd.DataFrame(r.normal(0, 1, (n, 16)), columns=[f"s{k}" for k in range(16)])
    d["leak"] = (d.s0 + d.s1 * 0.8 + r.normal(0, 0.7, n) > 2.1).astype(int)
    return d


def oversample(d):
    leaks = d[d.leak == 1]
    return pd.concat([d] + [leaks] * (int((d.leak == 0).sum() / len(leaks)) - 1), ignore_index=True)


table = readings(1200)
train_part, val_part = train_test_split(oversample(table), test_size=0.25, random_state=0)  # fault
# fixed: train_part, val_part = train_test_split(table, test_size=0.25, random_state=0, stratify=table.leak)
# fixed: train_part, val_part = oversample(train_part), oversample(val_part)


def loader(d, **kw):
    feats = torch.tensor(d.drop(columns="leak").values, dtype=torch.float32)
    return DataLoader(TensorDataset(feats, torch.tensor(d.leak.values, dtype=torch.float32)), **kw)


train_loader = loader(train_part, batch_size=64, shuffle=True)
val_loader = loader(val_part, batch_size=128)
fresh = loader(oversample(readings(2000)), batch_size=512)


class Valve(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.net(x).squeeze(1)


model = Valve()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def score(batches):
    model.eval()
    with torch.no_grad():
        return torch.cat([((model(a) > 0).float() == b) for a, b in batches]).float().mean().item()


def train():
    for epoch in range(10):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    print(f"val {score(val_loader):.3f}, fresh valves {score(fresh):.3f}")


if __name__ == "__main__":
    train()
