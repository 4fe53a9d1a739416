"""Strain of a bridge deck from load sensors, trained with a home-made centred RMSprop.

code: ND709
also:
object: CentredRMS | optimizer | var | sqrt
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class CentredRMS(torch.optim.Optimizer):
    """Divide by the running standard deviation of the gradient: sqrt(E[g^2] - E[g]^2)."""

    def __init__(self, params, lr=1e-3, rho=0.9):
        super().__init__(params, dict(lr=lr, rho=rho))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            rho = group["rho"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                s = self.state[p]
                if not s:
                    s["sq"], s["mean"] = p.grad**2, p.grad.clone()
                s["sq"].mul_(rho).add_(p.grad**2, alpha=1 - rho)
                s["mean"].mul_(rho).add_(p.grad, alpha=1 - rho)
                var = s["sq"] - s["mean"] ** 2
                step = p.grad / (var.sqrt() + 0.05)  # fault
                # fixed: step = p.grad / (var.clamp(min=0).sqrt() + 0.05)
                p.sub_(group["lr"] * step)


torch.manual_seed(137)
load = torch.randn(1200, 8)
strain = (torch.tanh(load[:, 0] + load[:, 1]) + 0.5 * load[:, 2] * load[:, 3]).unsqueeze(1) * 1.2
train_loader = DataLoader(TensorDataset(load[:1000], strain[:1000]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(load[1000:], strain[1000:]), batch_size=200)
model = nn.Sequential(nn.Linear(8, 48), nn.SiLU(), nn.Linear(48, 1))
loss_fn = nn.MSELoss()
optimizer = CentredRMS(model.parameters(), lr=5e-3)


def train():
    model.train()
    for epoch in range(12):
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()


if __name__ == "__main__":
    train()
