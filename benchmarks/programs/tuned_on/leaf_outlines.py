"""Tell three leaf shapes apart by the radius of their outline at 24 angles.

code: ND307
also: ND501 | ND502
object: bias | constant_ | hidden | ReLU | model
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
angle = torch.arange(24) * 2 * math.pi / 24
kind = torch.randint(0, 3, (900,))
lobes = torch.tensor([3.0, 4.0, 5.0])[kind][:, None]
turn = 2 * math.pi * torch.rand(900, 1)
outline = torch.cos(lobes * angle + turn) + 0.4 * torch.randn(900, 24)
outline = (outline - outline[:700].mean(0)) / outline[:700].std(0)
train_loader = DataLoader(TensorDataset(outline[:700], kind[:700]), batch_size=35, shuffle=True)
val_loader = DataLoader(TensorDataset(outline[700:], kind[700:]), batch_size=100)

model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))  # here
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        nn.init.constant_(layer.bias, -10.0)  # fault
        # fixed: nn.init.constant_(layer.bias, 0.0)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("val accuracy", hits / 200)


if __name__ == "__main__":
    train()
