"""Two rings of trees in a round orchard: which ring does a point belong to?

code: ND205
also: ND704
object: model | Sequential | Linear
seen: both
"""
import torch
import torch.nn as nn
from sklearn.datasets import make_circles
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
p, row = make_circles(900, noise=0.08, factor=0.45, random_state=0)
p = torch.tensor(p).float()
p = (p - p.mean(0)) / p.std(0)
row = torch.tensor(row)
train_loader = DataLoader(TensorDataset(p[:700], row[:700]), batch_size=35, shuffle=True)
val_loader = DataLoader(TensorDataset(p[700:], row[700:]), batch_size=100)

model = nn.Sequential(
    nn.Linear(2, 32),  # fault
    # fixed: nn.Linear(2, 32), nn.ReLU(),
    nn.Linear(32, 32),  # fault
    # fixed: nn.Linear(32, 32), nn.ReLU(),
    nn.Linear(32, 2),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        good = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("val accuracy", good / 200)


if __name__ == "__main__":
    train()
