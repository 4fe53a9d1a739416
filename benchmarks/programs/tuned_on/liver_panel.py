"""Fibrosis yes/no from a blood proteomics panel of one clinic.

code: ND703
also:
object: history | model | PanelNet | val_loss | val_loader
seen: watch
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.model_selection import StratifiedShuffleSplit

SEED = 0
PROTEINS = 60


def clinic(n=420):
    rng = np.random.default_rng(SEED)
    X = rng.standard_normal((n, PROTEINS))
    w = np.zeros(PROTEINS)
    w[:6] = [0.9, -0.8, 0.7, 0.6, -0.5, 0.5]
    p = 1 / (1 + np.exp(-2 * X @ w))
    return X.astype("float32"), (rng.random(n) < p).astype("float32")


X, y = clinic()
tr, va = next(StratifiedShuffleSplit(1, test_size=0.3, random_state=SEED).split(X, y))
mu, sd = X[tr].mean(0), X[tr].std(0)
X = (X - mu) / sd
torch.manual_seed(SEED)
make = lambda idx: TensorDataset(torch.from_numpy(X[idx]), torch.from_numpy(y[idx, None]))
train_loader = DataLoader(make(tr), batch_size=21, shuffle=True)
val_loader = DataLoader(make(va), batch_size=126)


class PanelNet(nn.Module):
    def __init__(self):
        super().__init__()
        width, p = 256, 0.0  # fault
        # fixed: width, p = 16, 0.3
        self.net = nn.Sequential(
            nn.Linear(PROTEINS, width), nn.ReLU(), nn.Dropout(p),
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(p),
            nn.Linear(width, 1))

    def forward(self, x):
        return self.net(x)


model = PanelNet()  # here
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.3)
history = {"loss": [], "val_loss": []}


def train(epochs=26):
    for epoch in range(epochs):
        model.train()
        losses = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            xb, yb = next(iter(val_loader))
            out = model(xb)
            val_loss = loss_fn(out, yb).item()  # here
        history["loss"].append(float(np.mean(losses)))
        history["val_loss"].append(val_loss)  # here
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1}: loss {history['loss'][-1]:.3f} val_loss {val_loss:.3f} val_acc {((out > 0) == (yb > 0.5)).float().mean():.3f}")
    return history["loss"][-1]


if __name__ == "__main__":
    print(train())
