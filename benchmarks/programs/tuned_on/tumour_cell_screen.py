"""Benign or malignant? Thirty measurements of cell nuclei, plain gradient descent.

code: ND102
also:
object: scaler | StandardScaler | train_x | make_loader | train_loader | fit
seen: both
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(8)
X, t = load_breast_cancer(return_X_y=True)
train_x, val_x, train_t, val_t = train_test_split(X, t, test_size=0.25, random_state=8, stratify=t)

scaler = StandardScaler()
scaler.fit(train_x)  # fault
# fixed: train_x = scaler.fit_transform(train_x)
# fixed: val_x = scaler.transform(val_x)


def make_loader(inputs, targets, **kw):
    return DataLoader(TensorDataset(torch.tensor(inputs, dtype=torch.float32),
                                    torch.tensor(targets)), **kw)


train_loader = make_loader(train_x, train_t, batch_size=32, shuffle=True)  # here
val_loader = make_loader(val_x, val_t, batch_size=64)

model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.8)


def train():
    for epoch in range(12):
        model.train()
        for xb, tb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), tb)
            loss.backward()
            optimizer.step()
    model.eval()
    n = ok = 0
    with torch.no_grad():
        for xb, tb in val_loader:
            ok += (model(xb).argmax(1) == tb).sum().item()
            n += len(tb)
    print(f"val accuracy {ok / n:.3f}")


if __name__ == "__main__":
    train()
