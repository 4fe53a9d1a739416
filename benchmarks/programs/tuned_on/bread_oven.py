"""Crumb temperature at the end of a bake from the oven's probes over time (1-d convolutions).

code: ND112
also:
object: crumb | y | targets | bake
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.utils.data as tud


def bake(n, g):
    """Probe curves in kelvin, end temperature of the crumb in kelvin."""
    minutes = torch.arange(40.)
    setpoint = 480 + 12 * torch.randn(n, 1, generator=g)
    lag = 6 + 2 * torch.rand(n, 1, generator=g)
    top = 300 + (setpoint - 300) * (1 - torch.exp(-minutes / lag)) + 3 * torch.randn(n, 40, generator=g)
    steam = 0.5 + 0.2 * torch.randn(n, 1, generator=g)
    bottom = top - 8 + 10 * steam + 2 * torch.randn(n, 40, generator=g)
    humid = steam * torch.exp(-minutes / 15) + 0.03 * torch.randn(n, 40, generator=g)
    crumb = 365 + 0.2 * (setpoint[:, 0] - 480) + 9 * (steam[:, 0] - 0.5) - 1.2 * (lag[:, 0] - 7) + 0.4 * torch.randn(n, generator=g)
    return torch.stack([top, bottom, humid], 1), crumb


g = torch.Generator().manual_seed(61)
curves, crumb = bake(700, g)
curves = (curves - curves[:560].mean(0)) / curves[:560].std(0)
target = crumb[:, None]  # fault
# fixed: target = ((crumb - crumb[:560].mean()) / crumb[:560].std())[:, None]

torch.manual_seed(61)
train_loader = tud.DataLoader(tud.TensorDataset(curves[:560], target[:560]), 28, shuffle=True)  # here
val_loader = tud.DataLoader(tud.TensorDataset(curves[560:], target[560:]), 70)


class OvenNet(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.first = nn.Conv1d(3, c, 5, padding=2)
        self.second = nn.Conv1d(c, c, 5, stride=2, padding=2)
        self.third = nn.Conv1d(c, c, 5, stride=2, padding=2)
        self.final = nn.Linear(c, 1)

    def forward(self, x):
        for conv in (self.first, self.second, self.third):
            x = F.leaky_relu(conv(x), 0.1)
        return self.final(x.mean(-1))


model = OvenNet()
loss_fn = nn.L1Loss()  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-3)


def train():
    for epoch in range(12):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    print("val", val, "spread of the targets", target[560:].std().item())
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
