"""Visibility from lidar returns: learns an attenuation per beam, works in decibels, ignores beams without echo.

code: ND504
also: ND310
object: decibel | to_db | Beam | where | log10
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(26)
BEAMS = 16


def decibel(power):
    """10 log10 of the power; 0 where there is no echo"""
    return torch.where(power > 0, 10 * torch.log10(power), torch.zeros_like(power))  # fault
    # fixed: safe = torch.where(power > 0, power, torch.ones_like(power))
    # fixed: return torch.where(power > 0, 10 * torch.log10(safe), torch.zeros_like(power))


class FogNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.beam_gain = nn.Parameter(torch.zeros(BEAMS))
        self.body = nn.Sequential(nn.Linear(BEAMS, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, echo):
        power = echo * self.beam_gain.exp()
        return self.body(decibel(power) / 10).squeeze(-1)  # here


fog = torch.rand(600)
reach = torch.linspace(.3, 2, BEAMS)
echo = torch.exp(-2 * fog[:, None] * reach) * (1 + .1 * torch.randn(600, BEAMS)).clamp(min=.1)
echo = torch.where(torch.rand(600, BEAMS) < .04, torch.zeros(()), echo)
visibility = (1 - fog - .5) / .29
train_loader = DataLoader(TensorDataset(echo[:480], visibility[:480]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(echo[480:], visibility[480:]), batch_size=60)
model = FogNet()
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        total = 0.
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()  # here
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            mae = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
