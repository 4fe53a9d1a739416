"""Breast tumours with noisy gradients, so that no patient can be read back.

code: ND608
also:
object: NOISE | noise | sigma | add_noise
seen: both
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(40)
data = load_breast_cancer()
perm = torch.randperm(len(data.target))
x = torch.tensor(data.data, dtype=torch.float32)[perm]
y = torch.tensor(data.target, dtype=torch.float32)[perm, None]
train_x, val_x = x[:450], x[450:]
m, s = train_x.mean(0), train_x.std(0)
train_loader = DataLoader(TensorDataset((train_x - m) / s, y[:450]), batch_size=30, shuffle=True, drop_last=True)
val_loader = DataLoader(TensorDataset((val_x - m) / s, y[450:]), batch_size=119)

model = nn.Sequential(nn.Linear(30, 24), nn.Tanh(), nn.Linear(24, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
CLIP = 1.0
NOISE = 1.1


def add_noise(params, batch_size):
    sigma = NOISE * CLIP * batch_size  # fault
    # fixed: sigma = NOISE * CLIP / batch_size
    for p in params:
        p.grad.add_(torch.randn_like(p.grad), alpha=sigma)  # here


def train():
    for epoch in range(12):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            add_noise(model.parameters(), len(xb))
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for xb, yb in val_loader:
            out = model(xb)
            acc = ((out > 0).float() == yb).float().mean().item()
            print(f"val loss {loss_fn(out, yb).item():.3f} acc {acc:.3f}")


if __name__ == "__main__":
    train()
