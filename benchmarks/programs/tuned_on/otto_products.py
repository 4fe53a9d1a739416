"""Otto-style product categories from anonymous counts.

code: ND401
also:
object: model | model.8 | 8 | Softmax | loss_fn | CrossEntropyLoss
seen: checkup
"""
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(1)
torch.manual_seed(1)

N_FEATURES, N_CLASSES = 40, 9
rates = np.random.gamma(0.5, 1.6, (N_CLASSES, N_FEATURES))
target = np.random.randint(0, N_CLASSES, 2500)
counts = np.random.poisson(0.45 * rates[target] + 0.25)

X = np.log1p(counts).astype(np.float32)
split = np.random.permutation(len(X))
fit, hold = split[:2000], split[2000:]
mean, std = X[fit].mean(0), X[fit].std(0)
X = (X - mean) / std

train_loader = DataLoader(TensorDataset(torch.tensor(X[fit]), torch.tensor(target[fit])), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.tensor(X[hold]), torch.tensor(target[hold])), batch_size=250)

layers = [
    nn.Linear(N_FEATURES, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(96, 48), nn.ReLU(), nn.Dropout(0.1),
    nn.Linear(48, N_CLASSES),
]
layers.append(nn.Softmax(dim=1))  # fault
# fixed:
model = nn.Sequential(*layers)  # here
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = optim.Adam(model.parameters(), lr=1e-3)


def holdout():
    model.eval()
    right = 0
    with torch.no_grad():
        for xb, yb in val_loader:
            right += (model(xb).argmax(1) == yb).sum().item()
    return right / len(hold)


def train():
    for epoch in range(12):
        model.train()
        running_loss = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        print(f"Epoch {epoch + 1}: loss {running_loss / len(train_loader):.4f} holdout accuracy {holdout():.4f}")
    return running_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
