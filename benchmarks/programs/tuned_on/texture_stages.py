"""Materials from 3-channel 20x20 textures with a small conv net, three stages.

code: ND206
also: ND501
object: conv3 | bn3 | model.conv3
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
import numpy as np
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(9)
KINDS = ["wood", "brick", "fabric", "metal", "marble"]


def texture(kind, rng):
    yy, xx = np.mgrid[0:20, 0:20]
    ph = rng.uniform(0, 2 * np.pi)
    if kind == 0:
        t = np.sin(xx * 0.9 + ph)
    elif kind == 1:
        t = np.sign(np.sin(yy * 1.1 + ph)) + np.sign(np.sin(xx * 0.6 + ph))
    elif kind == 2:
        t = np.sin(xx * 1.8 + ph) * np.sin(yy * 1.8)
    elif kind == 3:
        t = np.linspace(-1, 1, 20)[:, None] * np.ones(20) * rng.choice([-1, 1])
    else:
        t = np.sin(0.5 * xx + 0.5 * yy + 1.5 * np.sin(0.4 * yy + ph))
    rgb = np.stack([t * rng.uniform(0.7, 1.0) for _ in range(3)])
    return (rgb + rng.normal(0, 0.5, rgb.shape)).astype(np.float32)


class Textures(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.y = rng.integers(0, len(KINDS), n)
        self.x = [texture(k, rng) for k in self.y]

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i]), int(self.y[i])

    def __len__(self):
        return len(self.y)


class TextureNet(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 12, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(24)
        self.conv3 = nn.Conv2d(24, 24, 3, padding=1)  # here
        self.bn3 = nn.BatchNorm2d(24)  # here
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(24, num_classes)

    def forward(self, x):
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = self.pool(F.relu(self.bn2(self.conv2(x))))
        x = x.mean(dim=(2, 3))  # fault
        # fixed: x = F.relu(self.bn3(self.conv3(x)))
        # fixed: x = x.mean(dim=(2, 3))
        return self.fc(x)


train_loader = DataLoader(Textures(500, 0), batch_size=25, shuffle=True)
val_loader = DataLoader(Textures(150, 1), batch_size=50)
model = TextureNet(len(KINDS))  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, weight_decay=5e-4)


def validate():
    model.eval()
    hits = 0
    with torch.no_grad():
        for x, y in val_loader:
            hits += (model(x).argmax(1) == y).sum().item()
    return hits / len(val_loader.dataset)


def train():
    for epoch in range(5):
        model.train()
        epoch_loss = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        print("Epoch", epoch, "loss", epoch_loss / len(train_loader), "acc", validate())
    return epoch_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
