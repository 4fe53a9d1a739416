"""Petal photographs: a small convolutional trunk and a classifier that compares directions.

code: ND305
also:
object: classifier | classifier.weight | CosineClassifier | linear
seen: checkup
"""
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


class CosineClassifier(nn.Module):
    def __init__(self, dim, classes):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, dim))

    def forward(self, h):
        return F.linear(F.normalize(h, dim=-1), F.normalize(self.weight, dim=-1))  # fault
        # fixed: return 5.0 * F.linear(F.normalize(h, dim=-1), F.normalize(self.weight, dim=-1))


class FlowerNet(nn.Module):
    def __init__(self, classes=8):
        super().__init__()
        self.trunk = nn.Sequential()
        for i, (a, b) in enumerate([(3, 12), (12, 24)]):
            self.trunk.add_module(f"conv{i}", nn.Conv2d(a, b, 3, padding=1, bias=False))
            self.trunk.add_module(f"bn{i}", nn.BatchNorm2d(b))
            self.trunk.add_module(f"act{i}", nn.PReLU())
            self.trunk.add_module(f"pool{i}", nn.AvgPool2d(2))
        self.project = nn.Linear(24 * 9, 24)
        self.classifier = CosineClassifier(24, classes)  # here

    def forward(self, img):
        return self.classifier(self.project(self.trunk(img).flatten(1)))  # here


def flowers(n, seed):
    """Number of petals (3 to 6) times two colours."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 8, (n,), generator=g)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 12), torch.linspace(-1, 1, 12), indexing="ij")
    angle, radius = torch.atan2(yy, xx), (xx ** 2 + yy ** 2).sqrt()
    petals = (3 + y % 4).view(-1, 1, 1)
    turn = 0.4 * torch.rand(n, 1, 1, generator=g)
    shape = torch.sigmoid(8 * (0.55 + 0.35 * torch.cos(petals * (angle + turn)) - radius))
    colour = torch.tensor([[1.0, 0.2, 0.1], [0.3, 0.4, 1.0]])[y // 4].view(n, 3, 1, 1)
    img = colour * shape.unsqueeze(1) + 0.15 * torch.randn(n, 3, 12, 12, generator=g)
    return (img - 0.25) / 0.35, y


torch.manual_seed(13)
train_loader = DataLoader(TensorDataset(*flowers(960, 1)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*flowers(160, 2)), batch_size=80)
model = FlowerNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.AdamW(model.parameters(), lr=3e-3)


def train():
    late = []
    for epoch in range(6):
        model.train()
        for img, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), y)
            loss.backward()
            optimizer.step()
            late.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(i).argmax(1) == k).sum().item() for i, k in val_loader) / 160
        print(epoch, acc)
    return sum(late[-30:]) / 30


if __name__ == "__main__":
    print(train())
