"""Is it an eight? The few eights are repeated until both classes are equally frequent.

code: ND105
also:
object: val_loader | val_idx | oversample | validation
seen: checkup
"""
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def oversample(X, y, seed=0):
    r = np.random.RandomState(seed)
    eights = np.flatnonzero(y == 1)
    extra = r.choice(eights, (y == 0).sum() - len(eights))
    return np.concatenate([X, X[extra]]), np.concatenate([y, y[extra]])


def main_data():
    d = load_digits()
    X, y = d.data.astype("float32") / 8 - 1, (d.target == 8).astype("float32")
    X, y = oversample(X, y)  # fault
    # fixed:
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, random_state=1, stratify=y)  # fault
    # fixed: X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, random_state=1, stratify=y)
    # fixed: X_train, y_train = oversample(X_train, y_train)
    return (X_train, y_train), (X_val, y_val)


train_arrays, val_arrays = main_data()  # here
train_loader = DataLoader(TensorDataset(*map(torch.from_numpy, train_arrays)), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(*map(torch.from_numpy, val_arrays)), batch_size=200)  # here

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 1), nn.Flatten(0))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            tp = fp = fn = 0
            for x, t in val_loader:
                p = model(x) > 0
                tp += (p & (t == 1)).sum().item()
                fp += (p & (t == 0)).sum().item()
                fn += (~p & (t == 1)).sum().item()
        print(f"epoch {epoch} loss {total / len(train_loader):.4f} F1 {2 * tp / (2 * tp + fp + fn):.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
