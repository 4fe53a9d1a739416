"""Do the stripes of a knitted patch run across or along? Photographs with either yarn colour first.

code: ND205
also:
object: features | Conv2d | conv1 | conv2
seen: both
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Patches(Dataset):
    """Draws a striped patch of random phase and spacing for every index."""

    def __init__(self, first, count):
        self.first, self.count = first, count

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        if i >= self.count:
            raise IndexError
        g = torch.Generator().manual_seed(self.first + i)
        phase, gap = torch.rand(2, generator=g).tolist()
        wave = torch.sin(torch.arange(12) * 2 * math.pi / (3 + 2 * gap) + 2 * math.pi * phase)
        across = i % 2
        patch = wave.view(12, 1).expand(12, 12) if across else wave.view(1, 12).expand(12, 12)
        return (patch + 0.3 * torch.randn(12, 12, generator=g)).unsqueeze(0), across


class StripeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),  # fault
            # fixed: nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, padding=1),  # fault
            # fixed: nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
            nn.AvgPool2d(4),
        )
        self.classifier = nn.Linear(16 * 9, 2)

    def forward(self, patch):
        return self.classifier(self.features(patch).flatten(1))


torch.manual_seed(2)
train_loader = DataLoader(Patches(0, 500), batch_size=25, shuffle=True)
val_loader = DataLoader(Patches(10_000, 200), batch_size=50)
model = StripeNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        for patch, across in train_loader:
            optimizer.zero_grad()
            loss_fn(model(patch), across).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(p).argmax(1) == a).sum().item() for p, a in val_loader)
    print("val accuracy", right / 200)


if __name__ == "__main__":
    train()
