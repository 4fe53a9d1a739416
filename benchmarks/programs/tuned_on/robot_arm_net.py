"""Where does a two-joint robot arm reach? Hand-made dense layers learn the geometry.

code: ND201
also:
object: weight | Dense | torch.full | full | layers | Arm
seen: both
"""
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17)


@dataclass
class Plan:
    samples: int = 1000
    width: int = 40
    lr: float = 5e-3
    epochs: int = 12


plan = Plan()


class Dense(nn.Module):
    """y = x W + b"""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.full((n_in, n_out), 1.0 / n_in))  # fault
        # fixed: self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in ** 0.5)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias


class Arm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(Dense(3, width), nn.Tanh(), Dense(width, width), nn.Tanh(), Dense(width, 2))

    def forward(self, joints):
        return self.layers(joints)


joints = torch.rand(plan.samples, 3) * 4 - 2
reach = torch.stack([
    joints[:, 0].cos() + (joints[:, 0] + joints[:, 1]).cos(),
    joints[:, 0].sin() + (joints[:, 0] + joints[:, 1]).sin() * (1 + 0.3 * joints[:, 2]),
], 1)
cut = int(0.8 * plan.samples)
train_loader = DataLoader(TensorDataset(joints[:cut], reach[:cut]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(joints[cut:], reach[cut:]), batch_size=200)
model = Arm(plan.width)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=plan.lr)


def train():
    for epoch in range(plan.epochs):
        model.train()
        for q, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(q), target)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        q, target = next(iter(val_loader))
        print(f"val mse {loss_fn(model(q), target):.4f}")


if __name__ == "__main__":
    train()
