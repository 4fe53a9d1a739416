"""Risk class (low, middle, high) of a wildfire from weather columns.

code: ND604
also: ND706
object: optimizer | lr | SGD | config
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

config = {
    "epochs": 15,
    "batch": 40,
    "hidden": 48,
    "lr": 8.0,  # fault
    # fixed: "lr": 0.05,
    "momentum": 0.9,
}

rng = np.random.default_rng(0)
torch.manual_seed(0)
frame = pd.DataFrame(rng.normal(size=(1500, 6)), columns="wind humidity heat slope drought fuel".split())
score = frame.wind * frame.drought + 0.8 * frame.heat - frame.humidity + 0.5 * frame.slope.clip(lower=0) + 0.6 * frame.fuel
frame["risk"] = pd.qcut(score + rng.normal(0, 0.2, len(frame)), 3, labels=False)

train_frame = frame.sample(1200, random_state=1)
val_frame = frame.drop(train_frame.index)


def loader(part, shuffle):
    x = torch.tensor(part.drop(columns="risk").to_numpy(), dtype=torch.float32)
    y = torch.tensor(part.risk.to_numpy(), dtype=torch.long)
    return DataLoader(TensorDataset(x, y), batch_size=config["batch"], shuffle=shuffle)


train_loader = loader(train_frame, True)
val_loader = loader(val_frame, False)
model = nn.Sequential(
    nn.Linear(6, config["hidden"]), nn.Tanh(),
    nn.Linear(config["hidden"], config["hidden"]), nn.Tanh(),
    nn.Linear(config["hidden"], 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=config["momentum"])  # here


def run_epoch():
    model.train()
    losses = []
    for x, y in train_loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()  # here
        losses.append(loss.item())
    return np.mean(losses)


def train():
    history = [run_epoch() for _ in range(config["epochs"])]
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print("loss", round(history[-1], 3), "accuracy", hits / len(val_frame))


if __name__ == "__main__":
    train()
