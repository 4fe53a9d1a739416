"""Accents from cepstral vectors; gated residual blocks and a home-made optimizer with normalised gradients.

code: ND709
also:
object: optimizer | NormalisedSGD | step | blocks
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class NormalisedSGD(torch.optim.Optimizer):
    """Every tensor moves by lr times its length in the direction of its gradient."""

    def __init__(self, params, lr=1e-2):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                scale = p.norm().clamp(min=0.1)
                p -= group["lr"] * scale * p.grad / p.grad.norm()  # fault
                # fixed: p -= group["lr"] * scale * p.grad / (p.grad.norm() + 1e-8)


class GatedBlock(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.gate * self.inner(x)


torch.manual_seed(36)
voices = torch.randn(5, 16)
accent = torch.randint(0, 5, (760,))
cepstra = (voices[accent] + 1.2 * torch.randn(760, 16)) / 1.5
train_loader = DataLoader(TensorDataset(cepstra[:600], accent[:600]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(cepstra[600:], accent[600:]), batch_size=80)
model = nn.Sequential(nn.Linear(16, 32), GatedBlock(32), GatedBlock(32), nn.Linear(32, 5))
loss_fn = nn.CrossEntropyLoss()
optimizer = NormalisedSGD(model.parameters(), lr=1e-2)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()  # here
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, sum(losses) / len(losses), hits / 160)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
