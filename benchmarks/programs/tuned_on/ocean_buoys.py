"""Sea state from tide gauges: tiny ripples riding on a station's own level.

code: ND311
also: ND310
object: ripple | power | variance
seen: checkup
"""
import math
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(30)
T = 128


def gauge(n):
    level = torch.randn(n, 1, dtype=torch.double)
    amp = 10 ** (torch.rand(n, 1, dtype=torch.double) * 1.0 - 4.2)
    t = torch.arange(T, dtype=torch.double)
    wave = torch.sin(2 * math.pi * (0.05 + 0.1 * torch.rand(n, 1)) * t + 6.28 * torch.rand(n, 1))
    state = (torch.log10(amp) + 3.7) / 0.29
    return (level + amp * wave).float(), state.float()


class SeaState(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def ripple(self, x):
        power = (x * x).mean(1) - x.mean(1) ** 2  # fault
        # fixed: power = (x - x.mean(1, keepdim=True)).square().mean(1)
        return 0.5 * torch.log10(power.clamp_min(1e-12)) + 3.8  # here

    def forward(self, x):
        r = self.ripple(x)  # here
        return self.mlp(torch.stack([r, x[:, 0]], 1))


model = SeaState()
loss_fn = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(TensorDataset(*gauge(1024)), 64, shuffle=True)
val_loader = DataLoader(TensorDataset(*gauge(256)), 128)


def train():
    late = []
    for epoch in range(10):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            if epoch == 9:
                late.append(loss.item())
        model.eval()
        with torch.no_grad():
            print(epoch, [round(loss_fn(model(x), y).item(), 4) for x, y in val_loader])
    return sum(late) / len(late)


if __name__ == "__main__":
    print(train())
