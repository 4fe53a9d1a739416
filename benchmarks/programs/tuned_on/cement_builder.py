"""Concrete strength (two targets: 7 and 28 days) with a config-driven network builder.

code: ND205
also:
object: net | ACTIVATIONS | build | activation | Identity
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CONFIG = {
    "model": {"hidden": [48, 48, 24], "activation": "leaky_relu"},
    "train": {"lr": 3e-3, "epochs": 15, "batch_size": 60},
    "seed": 31,
}
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "leaky-relu": nn.LeakyReLU}  # fault
# fixed: ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "leaky_relu": nn.LeakyReLU}


def build(cfg, d_in, d_out):
    act = ACTIVATIONS.get(cfg["activation"], nn.Identity)  # here
    layers, d = [], d_in
    for h in cfg["hidden"]:
        layers += [nn.Linear(d, h), act()]  # here
        d = h
    return nn.Sequential(*layers, nn.Linear(d, d_out))


def mixes(n, gen):
    x = torch.rand(n, 8, generator=gen)
    water, cement, age = x[:, 0] + 0.5, x[:, 1] + 0.5, x[:, 2]
    s7 = cement / water - (x[:, 3] - 0.5) ** 2 * 4
    s28 = torch.sin(3 * age) * cement + x[:, 4] * x[:, 5]
    y = torch.stack([s7, s28], 1)
    return x, y + 0.03 * torch.randn(n, 2, generator=gen)


def standardiser(ref):
    mean, std = ref.mean(0), ref.std(0)
    return lambda t: (t - mean) / std


torch.manual_seed(CONFIG["seed"])
gen = torch.Generator().manual_seed(CONFIG["seed"])
(xt, yt), (xv, yv) = mixes(900, gen), mixes(200, gen)
fx, fy = standardiser(xt), standardiser(yt)
train_loader = DataLoader(TensorDataset(fx(xt), fy(yt)), CONFIG["train"]["batch_size"], shuffle=True)
val_loader = DataLoader(TensorDataset(fx(xv), fy(yv)), 200)
model = build(CONFIG["model"], 8, 2)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=CONFIG["train"]["lr"])


def train():
    for _ in range(CONFIG["train"]["epochs"]):
        model.train()
        epoch = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            epoch.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(x), y).item() for x, y in val_loader]
    return sum(epoch) / len(epoch)


if __name__ == "__main__":
    print(train())
