"""Melt rate of a glacier from weather columns; the net is built from a config dict.

code: ND205
also:
object: CONFIG | activation | identity | Identity | ACTIVATIONS | build
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CONFIG = {
    "hidden": [48, 48, 24],
    "activation": "identity",  # fault
    # fixed: "activation": "gelu",
    "lr": 4e-3,
    "batch_size": 64,
    "epochs": 20,
}
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "identity": nn.Identity, "tanh": nn.Tanh}

rng = np.random.default_rng(3)
torch.manual_seed(3)
frame = pd.DataFrame({
    "temperature": rng.normal(2, 6, 1500),
    "sun_hours": rng.uniform(0, 12, 1500),
    "snow": rng.uniform(0, 1, 1500),
})
melt = np.cos(frame.temperature / 2.5) * 2 + np.sin(frame.sun_hours) * (1 - frame.snow) * 2
frame["melt"] = melt + rng.normal(0, 0.1, 1500)
frame = (frame - frame.mean()) / frame.std()
columns = ["temperature", "sun_hours", "snow"]


def loader(part, shuffle):
    x = torch.tensor(part[columns].to_numpy(), dtype=torch.float32)
    y = torch.tensor(part[["melt"]].to_numpy(), dtype=torch.float32)
    return DataLoader(TensorDataset(x, y), batch_size=CONFIG["batch_size"], shuffle=shuffle)


train_loader = loader(frame.iloc[:1200], True)
val_loader = loader(frame.iloc[1200:], False)


def build(config):
    layers, width = [], len(columns)
    for h in config["hidden"]:
        layers += [nn.Linear(width, h), ACTIVATIONS[config["activation"]]()]  # here
        width = h
    return nn.Sequential(*layers, nn.Linear(width, 1))


model = build(CONFIG)
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=CONFIG["lr"])


def train():
    for epoch in range(CONFIG["epochs"]):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        sq = torch.cat([(model(x) - y) ** 2 for x, y in val_loader])
    print("val mse %.3f" % sq.mean().item())


if __name__ == "__main__":
    train()
