"""Digits through two narrow layers of tanh units.

code: ND307
also: ND502
object: Sharp | gain | tanh | sharp1 | sharp2
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

rng = np.random.default_rng(66)
torch.manual_seed(66)
images, digit = load_digits(return_X_y=True)
order = rng.permutation(len(images))
images = torch.tensor(images[order] / 8 - 1, dtype=torch.float32)
digit = torch.tensor(digit[order])


class Sharp(nn.Module):
    def __init__(self, gain):
        super().__init__()
        self.gain = gain

    def forward(self, h):
        return torch.tanh(self.gain * h)  # here


class Binary(nn.Module):
    def __init__(self, gain=2000.0):  # fault
    # fixed: def __init__(self, gain=1.5):
        super().__init__()
        self.fc1 = nn.Linear(64, 24)
        self.sharp1 = Sharp(gain)
        self.fc2 = nn.Linear(24, 12)
        self.sharp2 = Sharp(gain)
        self.fc3 = nn.Linear(12, 10)

    def forward(self, x):
        return self.fc3(self.sharp2(self.fc2(self.sharp1(self.fc1(x)))))


make = lambda lo, hi, shuffle: torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(images[lo:hi], digit[lo:hi]), batch_size=50, shuffle=shuffle)
train_loader, val_loader = make(0, 1400, True), make(1400, 1797, False)
model = Binary()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(15):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = torch.cat([model(x).argmax(1) == y for x, y in val_loader])
    print("val accuracy %.3f" % ok.float().mean().item())


if __name__ == "__main__":
    train()
