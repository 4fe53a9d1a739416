"""Level of a river from eight upstream gauges, plain SGD with clipped gradients.

code: ND608
also: ND605
object: clip_grad_norm_ | MAX_NORM | max_norm
seen: watch
"""
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, TensorDataset

MAX_NORM = 1e-5  # fault
# fixed: MAX_NORM = 1.0
torch.manual_seed(13)
gauges = torch.randn(720, 8)
level = gauges @ torch.linspace(-1, 1, 8) * 0.5 + torch.tanh(gauges[:, 0] + gauges[:, 7]) + 0.1 * torch.randn(720)
level = (level - level[:600].mean()) / level[:600].std()
train_loader = DataLoader(TensorDataset(gauges[:600], level[:600]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(gauges[600:], level[600:]), batch_size=60)


class River(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(8, 24)
        self.level = nn.Linear(24, 1)

    def forward(self, x):
        return self.level(torch.tanh(self.hidden(x)))[:, 0]


model = River()
loss_fn = nn.HuberLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)


def step(x, y):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    clip_grad_norm_(model.parameters(), MAX_NORM)  # here
    optimizer.step()
    return loss.item()


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)


def train():
    for epoch in range(12):
        mean = sum(step(x, y) for x, y in train_loader) / len(train_loader)
        print(f"{epoch} {mean:.4f} {validate():.4f}")
    return mean


if __name__ == "__main__":
    print(train())
