"""The CIFAR tutorial net, taken over for 28x28 grey images of clothes-like shapes.

code: ND312
also:
object: fc1 | Net | conv2
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def shapes(n):
    y = torch.randint(0, 4, (n,))
    yy, xx = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    x = []
    for k in y.tolist():
        w, h = 4 + 2 * torch.rand(()), 9 + 2 * torch.rand(())
        dx, dy = (xx - 14).abs(), (yy - 14).abs()
        body = (dx < w) & (dy < h)                         # dress
        if k == 1:
            body = (dx < w + 5) & (dy < 3) | body          # shirt with sleeves
        elif k == 2:
            body = body & ~((dx < 1.5) & (yy > 10))        # trousers
        elif k == 3:
            body = (dx < h) & (dy < w - 1)                 # shoe
        x.append(body.float() + 0.2 * torch.randn(28, 28))
    x = torch.stack(x).unsqueeze(1)
    return TensorDataset((x - 0.25) / 0.45, y)


trainset, testset = shapes(512), shapes(128)
train_loader = DataLoader(trainset, batch_size=32, shuffle=True)
val_loader = DataLoader(testset, batch_size=64, shuffle=False)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)  # fault
        # fixed: self.fc1 = nn.Linear(16 * 4 * 4, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 4)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)  # here
        x = F.relu(self.fc1(x))  # here
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return x


net = Net()
model = net
criterion = nn.CrossEntropyLoss()
loss_fn = criterion
optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)


def train():
    for epoch in range(5):
        net.train()
        running_loss = 0.0
        for i, data in enumerate(train_loader, 0):
            inputs, labels = data
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
    net.eval()
    correct = total = 0
    with torch.no_grad():
        for images, labels in val_loader:
            predicted = net(images).argmax(1)
            total += labels.size(0)
            correct += (predicted == labels).sum().item()
    print(f"Accuracy on the {total} test images: {100 * correct // total} %")
    return running_loss / len(train_loader)


if __name__ == "__main__":
    train()
    print("Finished Training")
