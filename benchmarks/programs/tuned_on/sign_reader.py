"""Traffic signs from dash-cam crops, with a brightness jitter for training.

code: ND111
also: ND110
object: jitter | image | brightness | Signs
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def draw(kind, r):
    yy, xx = np.mgrid[:20, :20] - 9.5
    shape = [yy ** 2 + xx ** 2 < 70, abs(yy) + abs(xx) < 9, (abs(yy) < 8) & (abs(xx) < 8), (yy > -8) & (abs(xx) < (yy + 8) * .6)][kind]
    sign = np.where(shape, 225, 120)
    bar = shape & (abs(yy - r.integers(-1, 2)) < 2)
    sign = np.where(bar, 40, sign) + r.normal(0, 30, (20, 20))
    return sign.clip(0, 255).astype(np.uint8)


def jitter(image, r, strength=50):
    brightness = r.integers(-strength, strength + 1)
    return (image + brightness).astype(np.uint8)  # fault
    # fixed: return np.clip(image + brightness, 0, 255).astype(np.uint8)


class Signs(Dataset):
    def __init__(self, n, seed, train):
        r = np.random.default_rng(seed)
        self.kind = r.integers(0, 4, n)
        self.crops = np.stack([draw(k, r) for k in self.kind])
        self.train = train

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        image = self.crops[i]
        if self.train:
            image = jitter(image, np.random.default_rng(torch.randint(2 ** 31, ()).item()))  # here
        x = torch.from_numpy(image.astype(np.float32) / 255)
        return (x[None] - .57) / .26, int(self.kind[i])


torch.manual_seed(4)
train_loader = DataLoader(Signs(400, 1, True), batch_size=25, shuffle=True)
val_loader = DataLoader(Signs(100, 2, False), batch_size=50)


class SignNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Linear(400, 4)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


model = SignNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
    print("val loss", val)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
