"""Adds up the marked inflows of a water tank with a ReLU recurrence over thirty steps.

code: ND503
also: ND202 | ND308 | ND604 | ND709
object: hidden | recurrent | GAIN | weight_hh | back
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(92)
STEPS, UNITS = 30, 24
GAIN = 1.8  # fault
# fixed: GAIN = 1.0


def tanks(n):
    flow = torch.rand(n, STEPS) * 2 - 1
    marked = (torch.rand(n, STEPS) < 0.1).float()
    level = (flow * marked).sum(1, keepdim=True)
    return TensorDataset(torch.stack([flow, marked], 2), level)


class Tank(nn.Module):
    def __init__(self):
        super().__init__()
        self.feed = nn.Linear(2, UNITS)
        self.recurrent = nn.Linear(UNITS, UNITS, bias=False)
        self.read = nn.Linear(UNITS, 1)
        with torch.no_grad():
            self.recurrent.weight.copy_(GAIN * torch.eye(UNITS))  # here
            self.feed.weight.mul_(0.2)
            self.feed.bias.zero_()

    def forward(self, x):
        h = torch.zeros(len(x), UNITS)
        for t in range(STEPS):
            h = torch.relu(self.feed(x[:, t]) + self.recurrent(h))
        return self.read(h)


train_loader = DataLoader(tanks(800), batch_size=40, shuffle=True)
val_loader = DataLoader(tanks(200), batch_size=100)
model = Tank()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
    print(f"train {loss.item():.3g} val {val:.3g}")


if __name__ == "__main__":
    train()
