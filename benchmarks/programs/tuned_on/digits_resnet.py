"""Tiny residual net on 8x8 digits; speckle noise added on the fly by two loader workers.

code: ND109
also:
object: NoisyDigits | self.rng | rng | __getitem__ | train_loader
seen: checkup
"""
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class NoisyDigits(Dataset):
    def __init__(self, images, labels, noise=0.0, seed=123):
        self.images, self.labels, self.noise = images, labels, noise
        self.rng = np.random.RandomState(seed)  # here

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        image = self.images[idx]
        if self.noise:
            speckle = self.rng.standard_normal(image.shape)  # fault
            # fixed: speckle = torch.randn(image.shape).numpy()
            image = image + self.noise * speckle
        return torch.as_tensor(image[None], dtype=torch.float32), int(self.labels[idx])


class Res(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c1, self.n1 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.c2, self.n2 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)

    def forward(self, x):
        return F.relu(x + self.n2(self.c2(F.relu(self.n1(self.c1(x))))))


class TinyResNet(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.stages = nn.Sequential(Res(width), nn.MaxPool2d(2), Res(width))
        self.fc = nn.Linear(width * 16, 10)

    def forward(self, x):
        return self.fc(self.stages(F.relu(self.stem(x))).flatten(1))


X, y = load_digits(return_X_y=True)
X = (X.reshape(-1, 8, 8) - X.mean()) / X.std()
order = np.random.RandomState(0).permutation(len(y))
fit, held = order[:800], order[800:1100]

torch.manual_seed(0)
train_loader = DataLoader(NoisyDigits(X[fit], y[fit], noise=0.4), batch_size=50, shuffle=True, num_workers=2)  # here
val_loader = DataLoader(NoisyDigits(X[held], y[held]), batch_size=100)
model = TinyResNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def accuracy():
    model.eval()
    with torch.no_grad():
        ok = sum((model(x).argmax(1) == t).sum().item() for x, t in val_loader)
    model.train()
    return ok / len(held)


def train(epochs=4):
    for epoch in range(epochs):
        total = 0.0
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(t)
    print("acc", accuracy())
    return total / len(fit)


if __name__ == "__main__":
    print(train())
