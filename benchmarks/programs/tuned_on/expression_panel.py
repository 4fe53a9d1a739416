"""Two clinical scores from a panel of 60 gene expressions, regularised net (multi-target regression).

code: ND607
also: ND704
object: optimizer | weight_decay | Adam
seen: watch
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader

rng = np.random.default_rng(60)
torch.manual_seed(60)
factors = rng.normal(size=(1000, 8))
genes = factors @ rng.normal(size=(8, 60)) + 0.7 * rng.normal(size=(1000, 60))
scores = np.stack([np.tanh(factors[:, 0] + factors[:, 1]), 0.8 * factors[:, 2] - 0.5 * factors[:, 3]], 1)
scores += 0.1 * rng.normal(size=scores.shape)


def z(a, ref):
    return torch.tensor((a - ref.mean(0)) / ref.std(0), dtype=torch.float32)


x, y = z(genes, genes[:800]), z(scores, scores[:800])
train_loader = DataLoader(TensorDataset(x[:800], y[:800]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[800:], y[800:]), batch_size=100)

model = nn.Sequential(nn.Linear(60, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=0.5)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)


def epoch_pass(loader, update):
    out = 0.0
    for xb, yb in loader:
        loss = loss_fn(model(xb), yb)
        if update:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()  # here
        out += loss.item() * len(xb)
    return out / len(loader.dataset)


def train():
    for epoch in range(14):
        model.train()
        fit = epoch_pass(train_loader, True)
        model.eval()
        with torch.no_grad():
            val = epoch_pass(val_loader, False)
        print(f"{epoch:2d} fit {fit:.4f} val {val:.4f} |w| {model[0].weight.norm():.3f}")
    return fit


if __name__ == "__main__":
    print(train())
