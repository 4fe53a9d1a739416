"""Depth of ponds from three echo sounders and temperature; everything in fp16 to fit the little board.

code: ND709
also: ND807
object: optimizer | half | Adam | eps | model
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(19)

# ------------------------------------------------------------------ data
n = 800
depth = torch.rand(n) * 6 + 0.5
temp = 12 + 4 * torch.randn(n)
echo = torch.stack([depth * (1 + 0.02 * (temp - 12) * k) + 0.15 * torch.randn(n) for k in (0.5, 1.0, 1.5)], 1)
x = torch.cat([echo, temp[:, None]], 1)
x = (x - x[:640].mean(0)) / x[:640].std(0)
y = ((depth - depth[:640].mean()) / depth[:640].std())[:, None]

x, y = x.half(), y.half()  # fault
# fixed:

train_loader = DataLoader(TensorDataset(x[:640], y[:640]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[640:], y[640:]), batch_size=160)

# ----------------------------------------------------------------- model
model = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
model = model.half()  # fault
# fixed:
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)  # here


def train(epochs=10):
    for epoch in range(epochs):
        model.train()
        s = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()  # here
            s += loss.item()
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(xb), yb).item() for xb, yb in val_loader) / len(val_loader)
        print("epoch", epoch, "train", round(s / len(train_loader), 4), "val", round(v, 4))
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
