"""Predict the storm surge in a harbour from wind and pressure; everything set in one config.

code: ND205
also:
object: activation | CONFIG | ACTIVATIONS | Identity | build | get
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn

CONFIG = {
    "hidden": [48, 48],
    "activation": "ReLU",  # fault
    # fixed: "activation": "relu",
    "lr": 3e-3,
    "epochs": 25,
    "batch": 64,
    "seed": 4,
}
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}

torch.manual_seed(CONFIG["seed"])
rng = np.random.default_rng(CONFIG["seed"])
log = pd.DataFrame({"wind": rng.gamma(3, 3, 1500), "direction": rng.uniform(0, 360, 1500),
                    "pressure": rng.normal(1012, 9, 1500)})
angle = np.deg2rad(log.direction)
log["surge"] = (0.012 * log.wind**2 * np.cos(angle - 5.2) + 0.0015 * (1012 - log.pressure) ** 2
                + rng.normal(0, 0.08, 1500))
log["north"], log["east"] = np.cos(angle), np.sin(angle)
inputs = log[["wind", "pressure", "north", "east"]]
inputs = (inputs - inputs.iloc[:1200].mean()) / inputs.iloc[:1200].std()
surge = (log.surge - log.surge[:1200].mean()) / log.surge[:1200].std()
x = torch.tensor(inputs.to_numpy(), dtype=torch.float32)
y = torch.tensor(surge.to_numpy(), dtype=torch.float32).unsqueeze(1)


def loader(a, b, shuffle):
    data = torch.utils.data.TensorDataset(a, b)
    return torch.utils.data.DataLoader(data, batch_size=CONFIG["batch"], shuffle=shuffle)


train_loader = loader(x[:1200], y[:1200], True)
val_loader = loader(x[1200:], y[1200:], False)


def build(cfg, n_in, n_out):
    act = ACTIVATIONS.get(cfg["activation"], nn.Identity)  # here
    sizes = [n_in] + cfg["hidden"]
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), act()]  # here
    return nn.Sequential(*layers, nn.Linear(sizes[-1], n_out))


model = build(CONFIG, x.shape[1], 1)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=CONFIG["lr"])


def train():
    for _ in range(CONFIG["epochs"]):
        model.train()
        for a, b in train_loader:
            loss = loss_fn(model(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse", loss_fn(model(x[1200:]), y[1200:]).item())


if __name__ == "__main__":
    train()
