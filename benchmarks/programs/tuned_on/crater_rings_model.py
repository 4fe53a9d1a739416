"""Does a meteorite fragment lie inside the crater, on its rim or outside?

code: ND205
also:
object: model | Sequential | Linear
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(1)
zone = torch.arange(900) % 3
radius = torch.tensor([0.4, 1.1, 1.8])[zone] + 0.12 * torch.randn(900)
angle = 2 * math.pi * torch.rand(900)
place = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
place = place / place.std(0)
train_set, val_set = random_split(TensorDataset(place, zone), [720, 180])
train_loader = DataLoader(train_set, batch_size=30, shuffle=True)
val_loader = DataLoader(val_set, batch_size=60)

model = nn.Sequential(  # here
    nn.Linear(2, 32),  # fault
    # fixed: nn.Linear(2, 32), nn.ReLU(),
    nn.Linear(32, 32),  # fault
    # fixed: nn.Linear(32, 32), nn.ReLU(),
    nn.Linear(32, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("accuracy", right / len(val_set))


if __name__ == "__main__":
    train()
