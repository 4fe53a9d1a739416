"""Next hour's water level from the last 24 hours at a tide gauge.

code: ND606
also:
object: scheduler | ReduceLROnPlateau | mode
seen: both
"""
import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
t = torch.arange(1600).float()
level = (1.8 * torch.sin(2 * torch.pi * t / 12.42) + 0.7 * torch.sin(2 * torch.pi * t / 12.0 + 1)
         + 0.4 * torch.sin(2 * torch.pi * t / 25.8)) * (1 + 0.2 * torch.sin(t / 30))
level = level + 0.05 * torch.randn(1600)
level = (level - level.mean()) / level.std()
windows = level.unfold(0, 25, 1)
past, coming = windows[:, :24], windows[:, 24]
tr, va = torch.arange(1250), torch.arange(1275, len(windows))   # no hour in both


class TideNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.inner = nn.Linear(24, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.outer = nn.Linear(hidden, 1)

    def forward(self, x):
        h = torch.tanh(self.inner(x))
        h = torch.tanh(self.middle(h))
        return self.outer(h)[:, 0]


train_loader = DataLoader(TensorDataset(past[tr], coming[tr]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(past[va], coming[va]), batch_size=100)
model = TideNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
scheduler = ReduceLROnPlateau(optimizer, mode="max", factor=0.1, patience=2)  # fault
# fixed: scheduler = ReduceLROnPlateau(optimizer, mode="min", factor=0.1, patience=2)


def train():
    for epoch in range(45):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss_fn(model(xb), yb).backward()
            optimizer.step()
        model.eval()
        val = 0.0
        with torch.no_grad():
            for xb, yb in val_loader:
                val += loss_fn(model(xb), yb).item() * len(xb) / len(va)
        scheduler.step(val)  # here
    print("val loss", val)


if __name__ == "__main__":
    train()
