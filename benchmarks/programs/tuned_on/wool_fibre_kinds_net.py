"""Seven kinds of wool fibre from microscope measurements.

code: ND404
also:
object: loss_fn | MSELoss | head
seen: both
"""
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(52)
KINDS = 7
X, Y = make_classification(1600, 14, n_informative=10, n_redundant=2, n_classes=KINDS, n_clusters_per_class=1,
                           class_sep=2.0, random_state=52)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
Y = torch.tensor(Y)
train_loader = DataLoader(TensorDataset(X[:1300], Y[:1300]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(X[1300:], Y[1300:]), batch_size=100)

OUT = 1  # fault
# fixed: OUT = KINDS
model = nn.Sequential(nn.Linear(14, 40), nn.ReLU(), nn.Linear(40, OUT))
loss_fn = nn.MSELoss()  # fault
# fixed: loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    fibre, kind = batch
    return loss_fn(model(fibre).squeeze(1), kind.float())  # fault
    # fixed: return loss_fn(model(fibre), kind)


def predict(fibre):
    return model(fibre).squeeze(1).round().clamp(0, KINDS - 1)  # fault
    # fixed: return model(fibre).argmax(1)


def train():
    for epoch in range(12):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        acc = torch.cat([predict(a) == b for a, b in val_loader]).float().mean()
    print(f"loss {loss.item():.3f} acc {acc:.3f}")


if __name__ == "__main__":
    train()
