"""Tiny CNN over digit crops of toll plates, light on dark or dark on light (sklearn digits).

code: ND205
also:
object: conv1 | conv2 | fc1 | fc2 | act | forward
seen: checkup
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class PlateCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, stride=2, padding=1)
        self.fc1 = nn.Linear(24 * 4, 64)
        self.fc2 = nn.Linear(64, 10)
        self.act = nn.LeakyReLU(0.1)

    def forward(self, x):
        x = self.conv1(x)  # fault
        # fixed: x = self.act(self.conv1(x))
        x = self.conv2(x)  # fault
        # fixed: x = self.act(self.conv2(x))
        x = self.fc1(x.flatten(1))  # fault
        # fixed: x = self.act(self.fc1(x.flatten(1)))
        return self.fc2(x)  # here


digits = load_digits()
Xtr, Xte, ytr, yte = train_test_split(digits.images, digits.target, test_size=0.25, random_state=0, stratify=digits.target)
mean, std = Xtr.mean(), Xtr.std()


def tensors(X, y):
    x = torch.tensor((X - mean) / std, dtype=torch.float32).unsqueeze(1)
    x[::2] *= -1  # plates of the other kind
    return torch.utils.data.TensorDataset(x, torch.tensor(y))


torch.manual_seed(42)
train_loader = torch.utils.data.DataLoader(tensors(Xtr, ytr), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(tensors(Xte, yte), batch_size=225)
model = PlateCNN()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            correct = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
