"""Four orchid species from five flower measurements, a first classifier in plain PyTorch.

code: ND104
also:
object: shuffle | x | y | train_loader | dataset
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(51)
torch.manual_seed(51)

means = np.array([[5.0, 3.4, 1.5, 0.3, 2.0],
                  [6.0, 2.8, 4.2, 1.3, 2.6],
                  [6.6, 3.0, 5.6, 2.1, 1.4],
                  [5.4, 2.2, 3.0, 1.9, 3.1]])
x = np.concatenate([m + 0.4 * np.random.randn(150, 5) for m in means])
y = np.repeat(np.arange(4), 150)

np.random.shuffle(x)  # fault
# fixed: order = np.random.permutation(len(x))
np.random.shuffle(y)  # fault
# fixed: x, y = x[order], y[order]

x = (x - x[:480].mean(axis=0)) / x[:480].std(axis=0)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.long)
train_loader = DataLoader(TensorDataset(x[:480], y[:480]), batch_size=16, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(x[480:], y[480:]), batch_size=40)  # here

model = nn.Sequential(nn.Linear(5, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)


def train():
    for epoch in range(20):
        model.train()
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, labels)
            loss.backward()
            optimizer.step()
    model.eval()
    correct = 0
    with torch.no_grad():
        for inputs, labels in val_loader:
            correct += (model(inputs).argmax(dim=1) == labels).sum().item()
    print("loss", round(loss.item(), 3), "accuracy", correct / 120)


if __name__ == "__main__":
    train()
