"""Solid shapes (ball, shell, box, double shell) from point clouds; PointNet with a max over points.

code: ND110
also:
object: unit_scale | Clouds | prepare | norm
seen: checkup
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def ball(n):
    v = torch.randn(n, 3)
    return v / v.norm(dim=1, keepdim=True) * torch.rand(n, 1) ** (1 / 3)


def shell(n):
    v = torch.randn(n, 3)
    return v / v.norm(dim=1, keepdim=True)


def box(n):
    return torch.rand(n, 3) * 2 - 1


def double_shell(n):
    v = torch.randn(n, 3)
    v = v / v.norm(dim=1, keepdim=True) * torch.where(torch.rand(n, 1) < 0.5, 0.35, 1.0)
    return v


SHAPES = [ball, shell, box, double_shell]


def centre(points):
    return points - points.mean(0, keepdim=True)


def unit_scale(points):
    return points / points.norm(dim=1, keepdim=True)  # fault
    # fixed: return points / points.norm(dim=1).max()


def spin(points):
    a = torch.rand(()) * 2 * math.pi
    c, s, z = a.cos(), a.sin(), torch.zeros(())
    turn = torch.stack([torch.stack([c, -s, z]), torch.stack([s, c, z]), torch.tensor([0.0, 0.0, 1.0])])
    return points @ turn.T


class Clouds(Dataset):
    def __init__(self, per_shape, points=64, spin=False):
        self.clouds = [(make(points) * (0.5 + torch.rand(())) + torch.randn(3), k) for k, make in enumerate(SHAPES) for _ in range(per_shape)]
        self.spin = spin

    def __len__(self):
        return len(self.clouds)

    def __getitem__(self, index):
        points, shape = self.clouds[index]
        points = unit_scale(centre(points))  # here
        return (spin(points) if self.spin else points), shape


class PointNet(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(3, 48), nn.ReLU(), nn.Linear(48, 96), nn.ReLU())
        self.all = nn.Sequential(nn.Linear(192, 48), nn.ReLU(), nn.Linear(48, classes))

    def forward(self, points):
        f = self.each(points)
        return self.all(torch.cat([f.amax(1), f.mean(1)], -1))


torch.manual_seed(0)
train_loader = DataLoader(Clouds(120, spin=True), batch_size=32, shuffle=True)
val_loader = DataLoader(Clouds(30), batch_size=60)
model = PointNet()
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.no_grad()
def accuracy():
    model.eval()
    acc = sum((model(p).argmax(-1) == s).sum().item() for p, s in val_loader) / 120
    model.train()
    return acc


def train():
    for _ in range(8):
        for points, shape in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(points), shape)
            loss.backward()
            optimizer.step()
    print("acc", accuracy())
    return loss.item()


if __name__ == "__main__":
    print(train())
