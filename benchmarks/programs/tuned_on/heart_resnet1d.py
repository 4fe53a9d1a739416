"""Arrhythmia beats: a small 1-D ResNet over single heartbeats.

code: ND206
also: ND501
object: layer2.shortcut | layer1.shortcut | layer3.shortcut | shortcut
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(99)
torch.manual_seed(99)


def beat(kind, T=96):
    t = np.linspace(0, 1, T)
    wave = lambda c, w, a: a * np.exp(-((t - c - rng.normal(0, 0.01)) / w) ** 2)
    sig = wave(0.25, 0.04, 0.2 if kind != 2 else 0.0)              # P
    sig += wave(0.45, 0.015 if kind != 1 else 0.05, 1.2)           # QRS
    sig -= wave(0.49, 0.015, 0.3)
    sig += wave(0.7, 0.06, 0.35 if kind != 3 else -0.25)           # T
    return sig + rng.normal(0, 0.08, T)


def make(n):
    y = rng.integers(0, 4, n)
    x = np.stack([beat(k) for k in y])
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return TensorDataset(torch.tensor(x, dtype=torch.float32).unsqueeze(1), torch.tensor(y))


class ResBlock(nn.Module):
    def __init__(self, in_ch, out_ch, stride=2):
        super().__init__()
        self.conv1 = nn.Conv1d(in_ch, out_ch, 5, stride=stride, padding=2, bias=False)
        self.bn1 = nn.BatchNorm1d(out_ch)
        self.conv2 = nn.Conv1d(out_ch, out_ch, 5, padding=2, bias=False)
        self.bn2 = nn.BatchNorm1d(out_ch)
        self.relu = nn.ReLU()
        self.shortcut = nn.Sequential(nn.Conv1d(in_ch, out_ch, 1, stride=stride, bias=False), nn.BatchNorm1d(out_ch))  # here

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))  # fault
        # fixed: out = self.bn2(self.conv2(out)) + self.shortcut(x)
        return self.relu(out)  # here


class ECGNet(nn.Module):
    def __init__(self, n_classes=4):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(1, 8, 7, padding=3, bias=False), nn.BatchNorm1d(8), nn.ReLU())
        self.layer1 = ResBlock(8, 8)
        self.layer2 = ResBlock(8, 16)
        self.layer3 = ResBlock(16, 32)
        self.fc = nn.Linear(32, n_classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.stem(x))))
        return self.fc(x.mean(-1))


train_loader = DataLoader(make(480), batch_size=32, shuffle=True)
val_loader = DataLoader(make(120), batch_size=60)
model = ECGNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train(epochs=5):
    for ep in range(epochs):
        model.train()
        hist = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            hist.append(loss.item())
        model.eval()
        with torch.no_grad():
            ok = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(ep, round(float(np.mean(hist)), 4), ok / 120)
    return float(np.mean(hist))


if __name__ == "__main__":
    print(train())
