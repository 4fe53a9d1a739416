"""Texture patches (fabric, wood, stone, ...) with a plain CNN.

code: ND604
also: ND307
object: optimizer | optimizer.param_groups.0 | lr | group 0
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(40)
rng = np.random.RandomState(40)
N_CLASSES = 6


def patch(c):
    yy, xx = np.mgrid[:16, :16]
    angle, freq = c * np.pi / N_CLASSES, 0.7 + 0.12 * c
    wave = np.sin(freq * (xx * np.cos(angle) + yy * np.sin(angle)) + rng.uniform(0, 6.28))
    return wave + rng.normal(0, 0.4, (16, 16))


def dataset(n):
    y = rng.randint(0, N_CLASSES, n)
    x = np.stack([patch(c) for c in y])[:, None]
    return TensorDataset(torch.tensor(x / 0.81, dtype=torch.float32), torch.tensor(y, dtype=torch.long))


trainset, testset = dataset(600), dataset(150)
train_loader = DataLoader(trainset, batch_size=20, shuffle=True)
val_loader = DataLoader(testset, batch_size=50, shuffle=False)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(8, 16, 3)
        self.fc1 = nn.Linear(16 * 2 * 2, 60)
        self.fc2 = nn.Linear(60, 30)
        self.fc3 = nn.Linear(30, N_CLASSES)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 16 * 2 * 2)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.1)  # fault
# fixed: optimizer = optim.Adam(model.parameters(), lr=0.002)


def train():
    for epoch in range(8):  # loop over the dataset multiple times
        model.train()
        running_loss = 0.0
        for i, data in enumerate(train_loader, 0):
            inputs, labels = data
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, labels)
            loss.backward()
            optimizer.step()  # here
            running_loss += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for images, labels in val_loader:
                correct += (model(images).argmax(1) == labels).sum().item()
        print("[%d] loss: %.3f acc: %.1f %%" % (epoch + 1, running_loss / len(train_loader), 100 * correct / len(testset)))
    return running_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
