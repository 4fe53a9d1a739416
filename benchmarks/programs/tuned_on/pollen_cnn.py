"""Tells pollen grains apart by the direction of the ridges on their surface.

code: ND205
also:
object: conv1 | conv2 | conv3 | fc1 | fc2 | forward | relu
seen: checkup
"""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset


def grains(n, seed):
    g = torch.Generator().manual_seed(seed)
    r = torch.arange(16.) - 7.5
    yy, xx = torch.meshgrid(r, r, indexing="ij")
    y = torch.randint(0, 3, (n,), generator=g)
    theta = (y * math.pi / 3 + 0.15 * torch.randn(n, generator=g)).view(-1, 1, 1)
    phase = 2 * math.pi * torch.rand(n, 1, 1, generator=g)
    wave = torch.sin(1.6 * (xx * theta.cos() + yy * theta.sin()) + phase)
    disk = torch.sigmoid(6 - (xx ** 2 + yy ** 2).sqrt())
    img = wave * disk + 0.3 * torch.randn(n, 16, 16, generator=g)
    return (img / 0.6).unsqueeze(1), y


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, padding=2)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(16, 16, 3, stride=2, padding=1)
        self.fc1 = nn.Linear(16 * 4 * 4, 32)
        self.fc2 = nn.Linear(32, 3)

    def forward(self, x):
        x = self.conv1(x)  # here
        F.relu(x)  # fault
        # fixed: x = F.relu(x)
        x = self.conv2(x)  # here
        F.relu(x)  # fault
        # fixed: x = F.relu(x)
        x = self.conv3(x)  # here
        F.relu(x)  # fault
        # fixed: x = F.relu(x)
        x = torch.flatten(x, 1)
        x = self.fc1(x)  # here
        F.relu(x)  # fault
        # fixed: x = F.relu(x)
        return self.fc2(x)


torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(*grains(900, 1)), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(*grains(200, 2)), batch_size=100)
model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.03, momentum=0.9)


def train():
    for epoch in range(5):
        running = 0.0
        model.train()
        for i, (inputs, labels) in enumerate(train_loader, 1):
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for inputs, labels in val_loader:
                correct += (model(inputs).argmax(1) == labels).sum().item()
        print("epoch %d loss %.3f acc %.2f" % (epoch, running / i, correct / 200))
    return running / i


if __name__ == "__main__":
    print(train())
