"""Tomorrow's river level from running rain totals of the last twelve days.

code: ND111
also:
object: totals | cumsum | uint8 | rain
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(26)
DAYS = 12


def season(n):
    wet = torch.rand(n, 1) * 60 + 5
    rain = (wet * torch.rand(n, DAYS) * 1.4).round().to(torch.uint8)
    level = 0.004 * rain.float().sum(1) + 0.01 * rain[:, -3:].float().sum(1)
    level = level + 0.1 * torch.randn(n)
    return rain, (level - 1.9) / 1.05


def prepare(rain):
    totals = torch.cumsum(rain, dim=1, dtype=torch.uint8)  # fault
    # fixed: totals = torch.cumsum(rain, dim=1, dtype=torch.int32)
    return (totals.float() - 130) / 120


rain, level = season(800)
rain_v, level_v = season(250)
train_loader = DataLoader(TensorDataset(prepare(rain), level), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(prepare(rain_v), level_v), batch_size=250)


class River(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.inp = nn.Linear(DAYS, hidden)
        self.mid = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        h = F.silu(self.inp(x))
        h = h + F.silu(self.mid(h))
        return self.out(h).flatten()


model = River()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(15):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val mse %.3f" % loss_fn(model(x), y).item())


if __name__ == "__main__":
    train()
