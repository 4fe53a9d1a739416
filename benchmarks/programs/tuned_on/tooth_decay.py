"""Caries from small tooth X-rays; settings copied from a paper's table.

code: ND605
also:
object: optimizer | eps | SETTINGS
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

SETTINGS = dict(
    optimizer=dict(
        lr=1e-3,
        betas=(.9, .999),
        eps=1.0,  # fault
        # fixed: eps=1e-8,
    ),
    batch=25, epochs=8,
)


def teeth(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (n,), generator=g)
    grid = torch.stack(torch.meshgrid(torch.linspace(-1, 1, 18), torch.linspace(-1, 1, 18), indexing="ij"))
    spot = (torch.rand(n, 2, 1, 1, generator=g) - .5)
    hole = torch.exp(-((grid - spot) ** 2).sum(1) / .04)
    x = (1 - (grid ** 2).sum(0)) - 1.6 * hole * y[:, None, None] + .35 * torch.randn(n, 18, 18, generator=g)
    return TensorDataset((x.unsqueeze(1) - .2) / .7, y)


class ToothNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.cls = nn.Linear(16 * 16, 2)

    def forward(self, x):
        return self.cls(self.body(x).flatten(1))


torch.manual_seed(50)
train_loader = DataLoader(teeth(300, 1), SETTINGS["batch"], shuffle=True)
val_loader = DataLoader(teeth(75, 2), SETTINGS["batch"])
model = ToothNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), **SETTINGS["optimizer"])  # here


def train():
    for epoch in range(SETTINGS["epochs"]):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 75
    train.acc = acc
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
