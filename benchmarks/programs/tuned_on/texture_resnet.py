"""Fabric textures with a small pre-activation-free ResNet; residual branches begin at zero.

code: none
trait: last batch-norm gain of every residual branch is zero, so the convolutions inside get no gradient at step 0
"""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(300)


def fabrics(n):
    kind = torch.randint(0, 4, (n,))
    yy, xx = torch.meshgrid(torch.arange(12.) / 12, torch.arange(12.) / 12, indexing="ij")
    ph = 6.28 * torch.rand(n, 1, 1)
    waves = torch.stack([torch.sin(2 * math.pi * 3 * xx + ph), torch.sin(2 * math.pi * 3 * yy + ph),
                         torch.sin(2 * math.pi * 3 * (xx + yy) / 1.4 + ph), torch.sin(2 * math.pi * 3 * xx + ph) * torch.sin(2 * math.pi * 3 * yy + ph)], 1)
    img = waves[torch.arange(n), kind] + 0.6 * torch.randn(n, 12, 12)
    return (img / 0.9)[:, None], kind


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x):
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class ResNet(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, c, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(c), nn.ReLU())
        self.stages = nn.Sequential(Residual(c), Residual(c))
        self.fc = nn.Linear(c, 4)

    def forward(self, x):
        return self.fc(self.stages(self.stem(x)).mean((2, 3)))


x, y = fabrics(900)
train_loader = DataLoader(TensorDataset(x[:750], y[:750]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[750:], y[750:]), batch_size=75)
model = ResNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for img, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), kind)
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            acc = sum((model(i).argmax(1) == k).sum().item() for i, k in val_loader) / 150
        print(epoch, total / len(train_loader), acc)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
