"""Nebula types on small plates: flips, turns and noise for training, plain plates for validation.

code: none
trait: augmentation in the train split only, so training inputs are a little noisier than validation inputs
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def plate(kind, r):
    y, x = (np.mgrid[0:18, 0:18] - 8.5 + r.uniform(-1.5, 1.5, (2, 1, 1)))
    rho, phi = np.hypot(x, y), np.arctan2(y, x)
    light = [np.exp(-(rho / 4) ** 2), np.exp(-((rho - 5) / 1.3) ** 2),
             np.exp(-(rho / 6) ** 2) * (np.cos(2 * phi + rho * 0.5 + r.uniform(0, 6)) > 0)][kind]
    return (light - 0.2 + 0.12 * r.normal(size=(18, 18))) / 0.32


class Plates(Dataset):
    def __init__(self, n, seed, transform=None):
        r = np.random.default_rng(seed)
        self.kind = r.integers(0, 3, n)
        self.images = torch.tensor(np.stack([plate(k, r) for k in self.kind]), dtype=torch.float32)[:, None]
        self.transform = transform

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        image = self.images[i]
        if self.transform is not None:
            image = self.transform(image)
        return image, int(self.kind[i])


def augment(image):
    image = torch.rot90(image, int(torch.randint(4, ())), (1, 2))
    if torch.rand(()) < 0.5:
        image = image.flip(2)
    return image + 0.1 * torch.randn_like(image)


torch.manual_seed(60)
train_loader = DataLoader(Plates(540, 1, augment), batch_size=30, shuffle=True)
val_loader = DataLoader(Plates(150, 2), batch_size=75)
model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
    nn.Flatten(), nn.Linear(96, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for image, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(image), kind)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            acc = sum((model(i).argmax(1) == k).sum().item() for i, k in val_loader) / 150
        print(epoch, np.mean(losses), acc)
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
