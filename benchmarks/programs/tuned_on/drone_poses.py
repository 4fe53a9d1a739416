"""Pose of a drone from small depth pictures: frozen trunk whose batch-norms stay in eval mode, an extra head for flight only.

code: none
trait: most parameters frozen and not in the optimizer, train() keeps batch-norm in eval, a registered head never called in training
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Trunk(nn.Module):
    """Random convolutional features, standing in for a trained extractor."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(),
        )

    def forward(self, x):
        return self.net(x)


class PoseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = Trunk()
        self.pose = nn.Sequential(nn.Linear(512, 48), nn.ReLU(), nn.Linear(48, 3))
        self.emergency = nn.Linear(512, 1)  # used by the flight controller only
        for p in [*self.trunk.parameters(), *self.emergency.parameters()]:
            p.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, x):
        return self.pose(self.trunk(x))

    @torch.no_grad()
    def alarm(self, x):
        return torch.sigmoid(self.emergency(self.trunk(x)))


class Depth(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
        self.pose = torch.rand(n, 3, generator=g) * 2 - 1
        px, py, s = (self.pose * torch.tensor([0.6, 0.6, 1.0])).unbind(1)
        w = 0.25 + 0.1 * s
        blob = torch.exp(-((xx - px[:, None, None]) ** 2 + (yy - py[:, None, None]) ** 2) / (2 * w[:, None, None] ** 2))
        self.img = ((blob + 0.05 * torch.randn(n, 16, 16, generator=g) - 0.12) / 0.25)[:, None]

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return self.img[i], self.pose[i]


torch.manual_seed(2)
train_loader = DataLoader(Depth(600, 0), batch_size=40, shuffle=True)
val_loader = DataLoader(Depth(150, 1), batch_size=75)
model = PoseNet()
with torch.no_grad():  # settle the batch-norm statistics once
    model.trunk.train()
    for _ in range(4):
        for img, _p in train_loader:
            model.trunk(img)
    model.train()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)


def train():
    for epoch in range(8):
        model.train()
        tot = 0.0
        for img, pose in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), pose)
            loss.backward()
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(i), p).item() for i, p in val_loader) / len(val_loader)
        print(epoch, tot / len(train_loader), val)
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
