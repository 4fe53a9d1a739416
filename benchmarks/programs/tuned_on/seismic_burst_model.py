"""Does a seismogram hold a tremor? Convolutions over a hundred samples.

code: ND205
also:
object: act | Identity | CONFIG | build | activation | model | Sequential | Conv1d
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(14)
CONFIG = {
    "channels": (1, 12, 24),
    "kernel": 5,
    "act": nn.Identity,  # fault
    # fixed: "act": nn.ReLU,
    "lr": 0.01,
    "epochs": 6,
    "batch": 32,
}


def seismogram(tremor):
    quiet = torch.randn(100)
    if tremor:
        start = int(torch.randint(10, 60, (1,)))
        wave = torch.sin(torch.arange(30) * 0.9 + 6.28 * torch.rand(1))
        quiet[start:start + 30] += 2.2 * wave
    return quiet[None]


def build(cfg):
    parts = []
    for c_in, c_out in zip(cfg["channels"], cfg["channels"][1:]):
        parts += [nn.Conv1d(c_in, c_out, cfg["kernel"], padding=2), cfg["act"]()]  # here
    parts += [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(cfg["channels"][-1], 2)]
    return nn.Sequential(*parts)


labels = torch.randint(0, 2, (1000,))
waves = torch.stack([seismogram(bool(k)) for k in labels])
train_set, val_set = random_split(TensorDataset(waves, labels), [750, 250])
train_loader = DataLoader(train_set, batch_size=CONFIG["batch"], shuffle=True)
val_loader = DataLoader(val_set, batch_size=250)

model = build(CONFIG)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=CONFIG["lr"])


def evaluate():
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        return (model(x).argmax(1) == y).float().mean().item()


def train():
    for epoch in range(CONFIG["epochs"]):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    print("tremors told apart:", round(evaluate(), 3))


if __name__ == "__main__":
    train()
