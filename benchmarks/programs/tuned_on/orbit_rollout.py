"""Predicts where a body is after some time by rolling a learned recurrent map forward.

code: ND503
also: ND202, ND604, ND706
object: step | step.weight | Rollout
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
HIDDEN, STEPS = 24, 30


def simulate(n):
    angle = torch.rand(n) * 6.2832
    radius = 0.5 + torch.rand(n)
    speed = 0.3 + 0.2 * torch.rand(n)
    start = torch.stack([radius * angle.cos(), radius * angle.sin(), speed], 1)
    stop = torch.stack([radius * (angle + 3 * speed).cos(), radius * (angle + 3 * speed).sin()], 1)
    return start, stop


class Rollout(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(3, HIDDEN)
        self.step = nn.Linear(HIDDEN, HIDDEN)
        self.read = nn.Linear(HIDDEN, 2)
        with torch.no_grad():
            self.step.weight.copy_(torch.eye(HIDDEN) * 1.5)  # fault
            # fixed: self.step.weight.copy_(torch.eye(HIDDEN) * 0.98)

    def forward(self, x):
        h = F.relu(self.lift(x))
        for _ in range(STEPS):
            h = F.relu(self.step(h))  # here
        return self.read(h)


starts, stops = simulate(640)
mu, sd = starts[:512].mean(0), starts[:512].std(0)
starts = (starts - mu) / sd
train_loader = DataLoader(TensorDataset(starts[:512], stops[:512]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(starts[512:], stops[512:]), batch_size=64)
model = Rollout()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(20):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
