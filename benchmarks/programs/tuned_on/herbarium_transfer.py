"""Transfer learning: a trunk trained on rotated patterns stays frozen, only a new head learns leaf orders.

code: none
trait: frozen trunk kept in eval mode, most parameters never receive a gradient
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Leaves(Dataset):
    def __init__(self, n, seed):
        r = np.random.default_rng(seed)
        self.order = r.integers(0, 4, n)
        y, x = np.mgrid[0:16, 0:16]
        self.images = []
        for k in self.order:
            angle = np.pi * k / 4 + r.normal(0, 0.08)
            wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 1.1 + r.uniform(0, 6))
            self.images.append(torch.tensor(wave + 0.5 * r.normal(size=(16, 16)), dtype=torch.float32)[None] / 0.87)

    def __len__(self):
        return len(self.order)

    def __getitem__(self, i):
        return self.images[i], int(self.order[i])


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 24, 5, padding=2), nn.BatchNorm2d(24)
        self.conv2, self.bn2 = nn.Conv2d(24, 32, 3, padding=1, stride=2), nn.BatchNorm2d(32)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x))).mean((2, 3))


def load_trunk():
    """Stands for a checkpoint: Gabor-like first filters, statistics taken from unlabelled images."""
    trunk = Trunk()
    yy, xx = torch.meshgrid(torch.arange(-2, 3), torch.arange(-2, 3), indexing="ij")
    with torch.no_grad():
        for k in range(24):
            a = torch.tensor(torch.pi * (k % 8) / 8)
            trunk.conv1.weight[k, 0] = torch.cos((xx * a.cos() + yy * a.sin()) * 1.1 + k // 8) * 0.3
        trunk.train()
        sample = torch.stack(Leaves(200, 7).images)
        for _ in range(30):
            trunk(sample)
    return trunk.eval().requires_grad_(False)


class Classifier(nn.Module):
    def __init__(self, trunk):
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(32, 4)

    def train(self, mode=True):
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, x):
        with torch.no_grad():
            z = self.trunk(x)
        return self.head(z)


torch.manual_seed(1)
model = Classifier(load_trunk())
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
train_loader = DataLoader(Leaves(480, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Leaves(120, 1), batch_size=60)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 120
        print(epoch, np.mean(losses), acc)
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
