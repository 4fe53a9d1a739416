"""Which of five mushroom families does a spore print belong to? Eight measurements.

code: ND108
also:
object: train_loader | shuffle | DataLoader | train_set
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(4)
torch.manual_seed(4)

centres = np.random.randn(5, 8) * 0.9
xs, ys = [], []
for family in range(5):
    xs.append(centres[family] + np.random.randn(300, 8))
    ys.append(np.full(300, family))
x = np.stack(xs)      # families, specimens, measurements
y = np.stack(ys)

x_train, y_train = x[:, :240].reshape(-1, 8), y[:, :240].reshape(-1)
x_val, y_val = x[:, 240:].reshape(-1, 8), y[:, 240:].reshape(-1)
mu, sd = x_train.mean(0), x_train.std(0)
train_set = TensorDataset(torch.Tensor((x_train - mu) / sd), torch.LongTensor(y_train))
val_set = TensorDataset(torch.Tensor((x_val - mu) / sd), torch.LongTensor(y_val))
train_loader = DataLoader(train_set, batch_size=16, shuffle=False)  # fault
# fixed: train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=50)

model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 5))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)


def accuracy(loader):
    model.eval()
    with torch.no_grad():
        return np.mean([(model(a).argmax(1) == b).float().mean().item() for a, b in loader])


def train():
    for epoch in range(10):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss_fn(model(xb), yb).backward()
            optimizer.step()
    print("train", accuracy(train_loader), "val", accuracy(val_loader))


if __name__ == "__main__":
    train()
