"""Recognise four weather icons drawn into noisy 16 x 16 pictures.

code: ND202
also: ND502
object: small_start | normal_ | std | weight | Conv2d | IconNet
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)


def draw(kind, g=torch.linspace(-1, 1, 16)):
    yy, xx = torch.meshgrid(g, g, indexing="ij")
    cx, cy = torch.rand(2) * 0.5 - 0.25
    r = ((xx - cx) ** 2 + (yy - cy) ** 2).sqrt()
    if kind == 0:    # sun
        pic = (r < 0.45).float()
    elif kind == 1:  # rain
        pic = (torch.sin(14 * (xx - cx)) > 0.5).float()
    elif kind == 2:  # fog
        pic = (torch.sin(14 * (yy - cy)) > 0.5).float()
    else:            # moon
        pic = ((r > 0.35) & (r < 0.6)).float()
    return pic + 0.3 * torch.randn(16, 16)


labels = torch.randint(0, 4, (800,))
pictures = torch.stack([draw(k) for k in labels])[:, None]
pictures = (pictures - pictures[:640].mean()) / pictures[:640].std()
train_loader = DataLoader(TensorDataset(pictures[:640], labels[:640]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(pictures[640:], labels[640:]), batch_size=80)


class IconNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 12, 3, padding=1)
        self.c2 = nn.Conv2d(12, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 4 * 4, 48)
        self.fc2 = nn.Linear(48, 4)
        self.small_start()  # here

    def small_start(self):
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=1e-4)  # fault
                # fixed: nn.init.kaiming_normal_(p)
            else:
                nn.init.zeros_(p)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


model = IconNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)


def train(epochs=8):
    for _ in range(epochs):
        model.train()
        for images, target in train_loader:
            optimizer.zero_grad()
            loss_fn(model(images), target).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print(f"validation accuracy {hits / 160:.3f}")


if __name__ == "__main__":
    train()
