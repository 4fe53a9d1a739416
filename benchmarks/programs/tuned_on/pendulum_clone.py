"""Behaviour cloning of a swing-up controller: torque between -2 and 2 from the state of the pendulum.

code: ND305
also:
object: tanh | torque | forward | model.torque
seen: checkup
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(90)


def expert(theta, speed):
    """Energy pumping far from the top, damping near it."""
    energy = 0.5 * speed ** 2 + 10 * (torch.cos(theta) - 1)
    pump = 0.6 * (-energy) * torch.tanh(2 * speed)
    hold = -12 * torch.sin(theta) - 3 * speed
    near = torch.sigmoid(8 * (torch.cos(theta) - 0.85))
    return (near * hold + (1 - near) * pump).clamp(-1.85, 1.85)


def episodes(n):
    theta = (torch.rand(n) * 2 - 1) * math.pi
    speed = torch.randn(n) * 2.5
    obs = torch.stack([theta.cos() / 0.71, theta.sin() / 0.71, speed / 2.5], 1)
    return TensorDataset(obs, expert(theta, speed).unsqueeze(1))


actor = nn.Sequential(nn.Linear(3, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU())


class Policy(nn.Module):
    max_torque = 2.0

    def __init__(self, trunk):
        super().__init__()
        self.actor = trunk
        self.torque = nn.Linear(48, 1)

    def forward(self, obs):
        return torch.tanh(self.torque(self.actor(obs)))  # fault
        # fixed: return self.max_torque * torch.tanh(self.torque(self.actor(obs)))


model = Policy(actor)
train_loader = DataLoader(episodes(3000), batch_size=75, shuffle=True)
val_loader = DataLoader(episodes(600), batch_size=200)
loss_fn = nn.MSELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for obs, torque in train_loader:
            loss = loss_fn(model(obs), torque)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            gap = sum((model(o) - t).abs().mean().item() for o, t in val_loader) / 3
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} mean torque error {gap:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
