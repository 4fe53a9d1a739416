"""Digits 0-9 from 64 pixels, every pixel standardised on the training part.

code: ND101
also: ND114
object: Standardise | std | __call__ | X | X_train | train_loader | val_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(103)


class Standardise:
    def __init__(self, X):
        self.mean = X.mean(axis=0)
        self.std = X.std(axis=0)

    def __call__(self, X):
        with np.errstate(all="ignore"):
            z = (X - self.mean) / self.std  # fault
            # fixed: z = (X - self.mean) / np.where(self.std < 0.3, 1.0, self.std)
        return torch.from_numpy(z.astype("float32"))


X, y = load_digits(return_X_y=True)
shuffled = np.random.default_rng(103).permutation(len(X))
X, y = X[shuffled], torch.from_numpy(y[shuffled])
standardise = Standardise(X[:1350])
X_train, X_val = standardise(X[:1350]), standardise(X[1350:])
train_loader = DataLoader(TensorDataset(X_train, y[:1350]), batch_size=45, shuffle=True)
val_loader = DataLoader(TensorDataset(X_val, y[1350:]), batch_size=447)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(64, 48)
        self.layer2 = nn.Linear(48, 10)

    def forward(self, x):
        return self.layer2(torch.relu(self.layer1(x)))


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(8):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print("last loss", loss.item(), "val accuracy", (model(a).argmax(1) == b).float().mean().item())


if __name__ == "__main__":
    train()
