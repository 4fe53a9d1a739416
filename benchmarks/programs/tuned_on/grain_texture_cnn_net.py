"""Coarse or fine grain in wood pictures: a seven-layer convolutional net.

code: ND202
also: ND502 | ND605
object: fill | weight | std | normal_ | conv
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Grain(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.label = torch.arange(n) % 3
        noise = torch.randn(n, 1, 16, 16, generator=g)
        soft = F.avg_pool2d(noise, 3, 1, 1)
        softer = F.avg_pool2d(soft, 5, 1, 2)
        bank = torch.stack([noise, soft, softer])
        pictures = bank[self.label, torch.arange(n)]
        self.pictures = pictures / pictures.std(dim=(1, 2, 3), keepdim=True)

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.pictures[i], self.label[i]


torch.manual_seed(6)
train_loader = DataLoader(Grain(480, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Grain(150, 2), batch_size=75)


def conv(a, b, stride=1):
    return nn.Sequential(nn.Conv2d(a, b, 3, stride, 1), nn.ReLU())


model = nn.Sequential(
    conv(1, 8), conv(8, 8), conv(8, 16, 2), conv(16, 16), conv(16, 16, 2), conv(16, 16),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3),
)


def fill(net):
    for m in net.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(m.weight, std=0.002)  # fault
            # fixed: nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            nn.init.zeros_(m.bias)


fill(model)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        for picture, label in train_loader:
            optimizer.zero_grad()
            loss_fn(model(picture), label).backward()
            optimizer.step()
    model.eval()
    right = 0
    with torch.no_grad():
        for picture, label in val_loader:
            right += (model(picture).argmax(1) == label).sum().item()
    print("val accuracy", right / 150)


if __name__ == "__main__":
    train()
