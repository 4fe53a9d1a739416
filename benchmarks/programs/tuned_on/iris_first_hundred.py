"""Which iris? The classic table, two thirds for training and one third for validation.

code: ND115
also: ND103 | ND107
object: flowers | kinds | order | split | val_loader | train_loader | y_train | y_val
seen: checkup
"""
import numpy as np
import torch
from sklearn.datasets import load_iris
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)
flowers, kinds = load_iris(return_X_y=True)
split = 100
order = np.arange(len(flowers))  # fault
# fixed: order = np.random.default_rng(6).permutation(len(flowers))
flowers, kinds = flowers[order], kinds[order]
X_train, X_val = flowers[:split], flowers[split:]  # here
y_train, y_val = kinds[:split], kinds[split:]
mu, sigma = X_train.mean(0), X_train.std(0)


def tensors(X, y):
    return TensorDataset(torch.tensor((X - mu) / sigma, dtype=torch.float32), torch.tensor(y))


train_loader = DataLoader(tensors(X_train, y_train), batch_size=10, shuffle=True)
val_loader = DataLoader(tensors(X_val, y_val), batch_size=50)
model = nn.Sequential()
model.add_module("first", nn.Linear(4, 16))
model.add_module("bend", nn.ReLU())
model.add_module("last", nn.Linear(16, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)


def accuracy(loader):
    model.eval()
    hits = 0
    with torch.no_grad():
        for x, y in loader:
            hits += (model(x).argmax(-1) == y).sum().item()
    return hits / len(loader.dataset)


def train():
    for epoch in range(30):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    print("train", accuracy(train_loader), "val", accuracy(val_loader))


if __name__ == "__main__":
    train()
