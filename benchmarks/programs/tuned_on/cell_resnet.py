"""Blood cells under a cheap microscope, five kinds, a small residual net.

code: ND206
also: ND501, ND204
object: bn2 | blocks.0.bn2 | blocks.1.bn2 | BasicBlock
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(77)


def cells(n):
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
    kind = torch.randint(0, 5, (n,))
    r = (0.35 + 0.1 * kind.float() + 0.03 * torch.randn(n))[:, None, None]
    cx, cy = (0.15 * torch.randn(2, n))[..., None, None]
    dist = ((xx - cx) ** 2 + (yy - cy) ** 2).sqrt()
    body = torch.sigmoid((r - dist) * 20)
    nucleus = torch.sigmoid((0.4 * r * (1 + kind[:, None, None] % 2) - dist) * 20)
    red = 0.8 - 0.4 * body + 0.05 * torch.randn(n, 16, 16)
    blue = 0.7 - 0.2 * body - 0.3 * nucleus + 0.05 * torch.randn(n, 16, 16)
    green = 0.75 - 0.5 * body + 0.05 * torch.randn(n, 16, 16)
    return torch.stack([red, green, blue], 1), kind


x_train, y_train = cells(640)
x_val, y_val = cells(160)
mean, std = x_train.mean((0, 2, 3), keepdim=True), x_train.std((0, 2, 3), keepdim=True)
train_loader = DataLoader(TensorDataset((x_train - mean) / std, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset((x_val - mean) / std, y_val), batch_size=80)


class BasicBlock(nn.Module):
    def __init__(self, planes):
        super().__init__()
        self.conv1 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)  # here
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        identity = x
        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu(out)
        out = self.conv2(out)
        out = self.bn1(out)  # fault
        # fixed: out = self.bn2(out)
        out += identity
        return self.relu(out)


class CellNet(nn.Module):
    def __init__(self, planes=12, n_blocks=2, num_classes=5):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, planes, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(planes), nn.ReLU(inplace=True)
        )
        self.blocks = nn.Sequential(*(BasicBlock(planes) for _ in range(n_blocks)))  # here
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(planes, num_classes)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        return self.fc(torch.flatten(self.pool(x), 1))


model = CellNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        meter = []
        for images, target in train_loader:
            loss = loss_fn(model(images), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            meter.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            top1 = sum((model(i).argmax(1) == t).sum().item() for i, t in val_loader) / len(y_val)
    return sum(meter) / len(meter)


if __name__ == "__main__":
    print(train())
