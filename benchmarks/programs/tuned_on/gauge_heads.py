"""River levels one day ahead: shared trunk, one head per gauge.

code: ND203
also: ND601
object: heads | gauge | north | mill | weir
seen: both
"""
import torch
from torch import nn

torch.manual_seed(0)
GAUGES = ("north", "mill", "weir")


def rivers(n=900):
    rain = torch.randn(n + 5).abs()
    level = torch.zeros(n + 5, 3)
    for t in range(1, n + 5):
        level[t, 0] = 0.6 * level[t - 1, 0] + rain[t]
        level[t, 1] = 0.7 * level[t - 1, 1] + 0.8 * level[t - 1, 0]
        level[t, 2] = 0.5 * level[t - 1, 2] + 0.5 * level[t - 1, 1] - 0.2 * rain[t]
    z = torch.cat([level, rain[:, None]], 1)
    z = (z - z[:700].mean(0)) / z[:700].std(0)
    x = torch.stack([z[i:i + 4].flatten() for i in range(n)])
    return x, z[4:n + 4, :3]


class Basin(nn.Module):
    def __init__(self, d=16, width=32):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(d, width), nn.GELU(), nn.LayerNorm(width))
        self.heads = {g: nn.Linear(width, 1) for g in GAUGES}  # fault
        # fixed: self.heads = nn.ModuleDict({g: nn.Linear(width, 1) for g in GAUGES})

    def forward(self, x):
        h = self.trunk(x)
        return torch.cat([self.heads[g](h) for g in GAUGES], 1)  # here


x, y = rivers()
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:700], y[:700]), 50, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[720:], y[720:]), 90)
model = Basin()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for e in range(10):
        model.train()
        last = []
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            last.append(loss.item())
        model.eval()
        with torch.no_grad():
            nse = [1 - loss_fn(model(a), b) / b.var() for a, b in val_loader]
    return sum(last) / len(last)


if __name__ == "__main__":
    print(train())
