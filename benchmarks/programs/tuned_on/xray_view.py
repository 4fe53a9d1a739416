"""Is it a frontal or a lateral chest film? A first CNN on thumbnails.

code: ND312
also:
object: model.fc1 | fc1 | self.fc1 | XrayNet
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset


def thumbnails(n, seed):
    rng = np.random.RandomState(seed)
    y = rng.randint(0, 2, n)
    grid = np.linspace(-1, 1, 36)
    yy, xx = np.meshgrid(grid, grid, indexing="ij")
    imgs = np.empty((n, 1, 36, 36), dtype=np.float32)
    for i in range(n):
        w = rng.uniform(0.2, 0.3)
        if y[i] == 0:   # two lungs
            field = np.exp(-((xx - 0.4) ** 2 / w + yy ** 2) * 4) + np.exp(-((xx + 0.4) ** 2 / w + yy ** 2) * 4)
        else:           # one, with the spine behind
            field = np.exp(-((xx - rng.uniform(-.1, .1)) ** 2 / w + yy ** 2) * 3) - 0.6 * (xx > 0.7)
        imgs[i, 0] = 0.5 - 0.4 * field + 0.9 * rng.randn(36, 36)
    return torch.from_numpy(imgs), torch.from_numpy(y)


torch.manual_seed(1)
X_train, y_train = thumbnails(400, 0)
X_val, y_val = thumbnails(100, 1)
m, s = X_train.mean(), X_train.std()
train_loader = DataLoader(TensorDataset((X_train - m) / s, y_train), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset((X_val - m) / s, y_val), batch_size=50)


class XrayNet(nn.Module):
    def __init__(self):
        super(XrayNet, self).__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 32)  # fault
        # fixed: self.fc1 = nn.Linear(16 * 6 * 6, 32)
        self.fc2 = nn.Linear(32, 2)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)  # here
        x = F.relu(self.fc1(x))  # here
        return self.fc2(x)


net = XrayNet()
model = net
criterion = nn.CrossEntropyLoss()
loss_fn = criterion
optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)


def train():
    for epoch in range(4):
        net.train()
        running_loss = 0.0
        for i, data in enumerate(train_loader, 0):
            inputs, labels = data
            optimizer.zero_grad()
            outputs = net(inputs)  # here
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        net.eval()
        correct = total = 0
        with torch.no_grad():
            for images, labels in val_loader:
                predicted = torch.max(net(images), 1)[1]
                total += labels.size(0)
                correct += (predicted == labels).sum().item()
        print("[%d] loss: %.3f accuracy: %d %%" % (epoch + 1, running_loss / (i + 1), 100 * correct / total))
    return running_loss / (i + 1)


if __name__ == "__main__":
    print(train())
