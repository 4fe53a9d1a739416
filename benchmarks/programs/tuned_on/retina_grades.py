"""Grades eye images on top of a frozen trunk whose batch-norm must stay still; `train` is overridden for that.

code: ND702
also: ND306
object: train | Grader.train | model | head
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(70)


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 12, 3, stride=2, padding=1), nn.BatchNorm2d(12), nn.ReLU(),
                                 nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())

    def forward(self, x):
        return self.net(x)


class Grader(nn.Module):
    def __init__(self, trunk, grades=4):
        super().__init__()
        self.trunk = trunk.requires_grad_(False)
        self.head = nn.Sequential(nn.Linear(96, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.4), nn.Linear(64, grades))

    def train(self, mode=True):
        super().train(mode)
        for module in self.modules():  # fault
        # fixed: for module in self.trunk.modules():
            module.training = False  # here
        return self

    def forward(self, x):
        return self.head(self.trunk(x))


def eyes(n):
    grade = torch.randint(0, 4, (n,))
    img = 0.5 * torch.randn(n, 3, 16, 16)
    img[:, 0] += 0.35 * grade[:, None, None]
    img[:, 1, ::2] += 0.4 * (grade % 2)[:, None, None]
    return (img - torch.tensor([0.5, 0.1, 0.0])[:, None, None]) / 0.6, grade


trunk = Trunk()
with torch.no_grad():  # running statistics of the "pretraining" images
    for _ in range(30):
        trunk(eyes(64)[0])
train_loader = DataLoader(TensorDataset(*eyes(640)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*eyes(160)), batch_size=80)
model = Grader(trunk)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.head.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()  # here
        track = 0.0
        for img, grade in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(img), grade)
            loss.backward()
            optimizer.step()
            track += loss.item()
        model.eval()
        with torch.no_grad():
            right = sum((model(i).argmax(1) == g).sum().item() for i, g in val_loader)
    print("val accuracy", right / 160)
    return track / len(train_loader)


if __name__ == "__main__":
    train()
