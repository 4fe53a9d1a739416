"""Chargeable volume of parcels from what the customer typed into the form.

code: ND201
also:
object: net | net.0 | net.0.weight | net.2 | net.2.weight | net.4 | net.4.weight | CFG
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

CFG = {
    "widths": [32, 16],
    "act": nn.Tanh,
    "kernel_init": nn.init.zeros_,  # fault
    # fixed: "kernel_init": nn.init.xavier_uniform_,
    "bias_init": nn.init.zeros_,
    "lr": 3e-3,
    "epochs": 12,
    "batch": 64,
}


class TariffNet(nn.Module):
    def __init__(self, cfg, n_in):
        super().__init__()
        layers, d = [], n_in
        for w in cfg["widths"]:
            layers += [nn.Linear(d, w), cfg["act"]()]
            d = w
        layers.append(nn.Linear(d, 1))
        self.net = nn.Sequential(*layers)
        for m in self.net:
            if isinstance(m, nn.Linear):
                cfg["kernel_init"](m.weight)  # here
                cfg["bias_init"](m.bias)

    def forward(self, x):
        return self.net(x).squeeze(1)


torch.manual_seed(11)
sides = torch.rand(900, 3) * 80 + 10          # cm
weight = torch.rand(900, 1) * 20              # kg
volumetric = sides.prod(1) / 5000
billed = torch.maximum(volumetric, weight[:, 0]) + 0.4 * torch.randn(900)
X = torch.cat([sides, weight], 1)
X = (X - X.mean(0)) / X.std(0)
Y = (billed - billed.mean()) / billed.std()
train_set, val_set = random_split(TensorDataset(X, Y), [720, 180], torch.Generator().manual_seed(0))
train_loader = DataLoader(train_set, batch_size=CFG["batch"], shuffle=True)
val_loader = DataLoader(val_set, batch_size=180)

model = TariffNet(CFG, 4)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=CFG["lr"])


def validate():
    model.eval()
    with torch.no_grad():
        total = sum(loss_fn(model(a), b).item() * len(b) for a, b in val_loader)
    model.train()
    return total / len(val_set)


def train():
    for epoch in range(CFG["epochs"]):
        running = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        validate()
    return sum(running) / len(running)


if __name__ == "__main__":
    print(train())
