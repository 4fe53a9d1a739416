"""Soil class of a vineyard plot from its chemistry, by a small net.

code: ND201
also:
object: constant_ | weight | reset | model
seen: both
"""
import torch
from sklearn.datasets import make_blobs
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
soil, kind = make_blobs(1200, n_features=6, centers=10, cluster_std=1.6, random_state=9)
kind = kind % 5
soil = torch.tensor(soil).float()
soil, kind = (soil - soil.mean(0)) / soil.std(0), torch.tensor(kind)
train_loader = DataLoader(TensorDataset(soil[:900], kind[:900]), batch_size=45, shuffle=True)
val_loader = DataLoader(TensorDataset(soil[900:], kind[900:]), batch_size=150)


def reset(layer):
    if isinstance(layer, nn.Linear):
        nn.init.constant_(layer.weight, 0.05)  # fault
        # fixed: nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        nn.init.constant_(layer.bias, 0.0)


model = nn.Sequential(nn.Linear(6, 50), nn.ReLU(), nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 5)).apply(reset)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(15):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("val accuracy", right / 300)


if __name__ == "__main__":
    train()
