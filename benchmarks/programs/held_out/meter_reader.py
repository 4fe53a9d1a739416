"""Reads the digits of water meters; LeNet copied from a 28 x 28 tutorial.

code: ND312
also:
object: fc1 | Linear | flatten | view
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(1)
X, y = load_digits(return_X_y=True)
X = (X.reshape(-1, 1, 8, 8) - 4.88) / 6.02
xa, xb, ya, yb = train_test_split(X, y, test_size=300, random_state=1)


class MeterDataset(torch.utils.data.Dataset):
    def __init__(self, images, targets):
        self.images = torch.as_tensor(images, dtype=torch.float32)
        self.targets = torch.as_tensor(targets, dtype=torch.long)

    def __len__(self):
        return self.images.size(0)

    def __getitem__(self, idx):
        return self.images[idx], self.targets[idx]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, 1, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, 1, padding=1)
        self.fc1 = nn.Linear(32 * 7 * 7, 64)  # fault
        # fixed: self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)  # here
        x = F.relu(self.fc1(x))  # here
        return self.fc2(x)


train_loader = torch.utils.data.DataLoader(MeterDataset(xa, ya), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(MeterDataset(xb, yb), batch_size=100)
model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)


def test():
    model.eval()
    correct = 0
    with torch.no_grad():
        for data, target in val_loader:
            correct += (model(data).argmax(1) == target).sum().item()
    print(f"Test accuracy: {correct}/{len(val_loader.dataset)}")


def train():
    for epoch in range(1, 6):
        model.train()
        batch_losses = []
        for batch_idx, (data, target) in enumerate(train_loader):
            optimizer.zero_grad()
            loss = loss_fn(model(data), target)  # here
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
        test()
    return sum(batch_losses) / len(batch_losses)


if __name__ == "__main__":
    print(train())
