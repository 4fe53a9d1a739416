"""Course notebook, week 4: your first convnet on scanned digits.

code: ND108
also:
object: train_loader | DataLoader | sampler | train_data | shuffle
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(42)

# the scans lie in one folder per digit: digits/0/*.png, digits/1/*.png, ...
digits = load_digits()
train_x, train_y, test_x, test_y = [], [], [], []
for d in range(10):
    files = digits.images[digits.target == d]
    train_x += list(files[:-36]); train_y += [d] * len(files[:-36])
    test_x += list(files[-36:]); test_y += [d] * 36


def to_data(x, y):
    x = torch.tensor(np.stack(x), dtype=torch.float32).unsqueeze(1) / 16.0
    return TensorDataset((x - 0.305) / 0.376, torch.tensor(y))


train_data = to_data(train_x, train_y)  # here
test_data = to_data(test_x, test_y)
train_loader = DataLoader(train_data, batch_size=64)  # fault
# fixed: train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
val_loader = DataLoader(test_data, batch_size=128)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def test():
    model.eval()
    correct = 0
    with torch.no_grad():
        for data, target in val_loader:
            correct += (model(data).argmax(dim=1) == target).sum().item()
    return 100.0 * correct / len(val_loader.dataset)


def train(epochs=8):
    for epoch in range(1, epochs + 1):
        model.train()
        running_loss = 0.0
        for batch_idx, (data, target) in enumerate(train_loader):
            optimizer.zero_grad()
            loss = loss_fn(model(data), target)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        print("Train Epoch: {} \tLoss: {:.6f} \tAccuracy: {:.1f}%".format(epoch, running_loss / len(train_loader), test()))
    return running_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
