"""Learn the loudness of an organ pipe as a function of its tuning, a wavy curve.

code: ND705
also: ND605
object: optimizer | SGD | lr | loss | history
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(10)
tuning = torch.rand(800, 1) * 4 - 2
loud = torch.sin(4 * tuning) + 0.5 * tuning + 0.05 * torch.randn(800, 1)
train_loader = DataLoader(TensorDataset(tuning[:640], loud[:640]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(tuning[640:], loud[640:]), batch_size=80)
model = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
history = []


def train():
    for epoch in range(40):
        model.train()
        total = 0.0
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()  # here
            total += loss.item() / len(train_loader)
        history.append(total)
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
    print("epoch 10 %.3f, epoch 40 %.3f, val %.3f" % (history[9], history[-1], val))


if __name__ == "__main__":
    train()
