"""Puck speed by a hard mixture of experts, trained by steps of normalised length.

code: ND709
also: ND308
object: NormalizedSGD | optimizer | experts | step
seen: watch
"""
import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset


class NormalizedSGD(Optimizer):
    """every tensor moves by lr * sqrt(size) against its gradient"""

    def __init__(self, params, lr=1e-3, beta=.9):
        super().__init__(params, dict(lr=lr, beta=beta))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                m.mul_(group["beta"]).add_(p.grad, alpha=1 - group["beta"])
                p.sub_(m / m.norm() * p.numel() ** .5, alpha=group["lr"])  # fault
                # fixed: p.sub_(m / m.norm().clamp(min=1e-6) * p.numel() ** .5, alpha=group["lr"])


class Experts(nn.Module):
    """the surface (ice, wet ice, snow, concrete) chooses the expert"""

    def __init__(self, d, n=4):
        super().__init__()
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(d, 16), nn.Tanh(), nn.Linear(16, 1)) for _ in range(n))

    def forward(self, x):
        signal, surface = x[:, :-4], x[:, -4:]
        each = torch.cat([e(signal) for e in self.experts], 1)
        return (each * surface).sum(1, keepdim=True)


def shots(n, seed):
    g = torch.Generator().manual_seed(seed)
    s = torch.randn(n, 6, generator=g)
    kind = torch.multinomial(torch.tensor([.48, .27, .22, .03]), n, replacement=True, generator=g)
    slope = torch.tensor([1., .8, .4, .2])[kind]
    y = slope * torch.tanh(s[:, 0] + .5 * s[:, 1]) + .2 * s[:, 2]
    return TensorDataset(torch.cat([s, nn.functional.one_hot(kind, 4).float()], 1), y[:, None])


torch.manual_seed(74)
train_loader = DataLoader(shots(480, 1), batch_size=16, shuffle=True)
val_loader = DataLoader(shots(120, 2), batch_size=60)
model = Experts(6)
loss_fn = nn.MSELoss()
optimizer = NormalizedSGD(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        total = 0.
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()  # here
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
