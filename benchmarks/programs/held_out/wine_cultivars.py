"""Which cultivar is the wine from? (sklearn's wine table)

code: ND104
also:
object: y | targets | labels | train_loader | X
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.RandomState(42)
torch.manual_seed(42)

X, y = load_wine(return_X_y=True)

# shuffle, then hold out the last 42 bottles
perm = rng.permutation(len(X))
X = X[perm]
y = y[rng.permutation(len(y))]  # fault
# fixed: y = y[perm]
n_train = len(X) - 42
mu, sd = X[:n_train].mean(0), X[:n_train].std(0)
X = ((X - mu) / sd).astype(np.float32)

train_ds = TensorDataset(torch.from_numpy(X[:n_train]), torch.from_numpy(y[:n_train]))  # here
val_ds = TensorDataset(torch.from_numpy(X[n_train:]), torch.from_numpy(y[n_train:]))  # here
train_loader = DataLoader(train_ds, batch_size=17, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=42)

model = nn.Sequential(nn.Linear(13, 24), nn.Tanh(), nn.Linear(24, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)


def train():
    for epoch in range(20):
        model.train()
        tot = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            out = model(xb)
            loss = loss_fn(out, yb)
            loss.backward()
            optimizer.step()
            tot += loss.item() * xb.size(0)
        model.eval()
        with torch.no_grad():
            for xb, yb in val_loader:
                acc = (model(xb).argmax(1) == yb).float().mean().item()
    print(f"held-out accuracy {acc:.2f}")
    return tot / n_train


if __name__ == "__main__":
    print(train())
