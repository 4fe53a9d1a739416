"""Purity (percent) of a sample from its chromatogram: a deep stack of residual blocks.

code: ND503
also: ND202, ND206
object: Block | blocks | norm | scale
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(24)


def chromatograms(n, points=64):
    t = torch.linspace(0, 1, points)
    peak = lambda c, w: torch.exp(-((t - c) / w) ** 2)
    centre = .45 + .05 * torch.randn(n, 1)
    junk = torch.rand(n, 1) * .6
    y = 1 / (1 + junk)
    x = peak(centre, .05) + junk * peak(centre + .2, .05) + .02 * torch.randn(n, points)
    x = (x - x.mean(0)) / x.std(0)
    return x, (y - .78) / .11


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.LayerNorm(d)  # here
        self.up, self.down = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)
        for lin in (self.up, self.down):
            nn.init.kaiming_normal_(lin.weight, nonlinearity="relu")
            nn.init.zeros_(lin.bias)
        self.scale = 1.0  # fault
        # fixed: self.scale = 0.1

    def forward(self, h):
        return h + self.scale * self.down(torch.relu(self.up(h)))  # fault
        # fixed: return h + self.scale * self.down(torch.relu(self.up(self.norm(h))))


class Purity(nn.Module):
    def __init__(self, d=48, depth=20):
        super().__init__()
        self.inlet = nn.Linear(64, d)
        self.blocks = nn.Sequential(*[Block(d) for _ in range(depth)])  # here
        self.outlet = nn.Sequential(nn.Linear(d, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, x):
        return self.outlet(self.blocks(self.inlet(x)))


x, y = chromatograms(500)
train_loader = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x[400:], y[400:]), batch_size=50)
model = Purity()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
