"""Fourier neural operator: initial field to the field some time later (advection and diffusion on a ring).

code: none
trait: complex parameters, a lazy layer, a skip branch whose output layer starts at zero, targets that look much like the inputs, relative L2 loss
"""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

GRID = 48


def fields(n, g):
    x = torch.arange(GRID) / GRID * 2 * math.pi
    k = torch.arange(1, 7).float()
    amp = torch.randn(n, 6, generator=g) / k.sqrt()
    phase = torch.rand(n, 6, generator=g) * 2 * math.pi
    u0 = (amp[:, :, None] * torch.sin(k[:, None] * x + phase[:, :, None])).sum(1)
    decay, shift = torch.exp(-0.06 * k ** 2), 1.0 * k
    u1 = ((amp * decay)[:, :, None] * torch.sin(k[:, None] * x + (phase - shift)[:, :, None])).sum(1)
    return TensorDataset(u0.unsqueeze(1), u1.unsqueeze(1))


class SpectralConv(nn.Module):
    def __init__(self, width, modes=8):
        super().__init__()
        self.modes = modes
        self.weight = nn.Parameter(torch.randn(width, width, modes, dtype=torch.cfloat) / width)

    def forward(self, u):
        s = torch.fft.rfft(u)
        out = torch.zeros_like(s)
        out[..., :self.modes] = torch.einsum("bik,iok->bok", s[..., :self.modes], self.weight)
        return torch.fft.irfft(out, n=u.shape[-1])


class FNO(nn.Module):
    def __init__(self, width=16, depth=2):
        super().__init__()
        self.lift = nn.LazyConv1d(width, 1)
        self.spectral = nn.ModuleList(SpectralConv(width) for _ in range(depth))
        self.local = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(depth))
        self.project = nn.Conv1d(width, 1, 1)
        nn.init.zeros_(self.project.weight)     # starts as persistence: u1 = u0
        nn.init.zeros_(self.project.bias)

    def forward(self, u):
        h = self.lift(u)
        for spectral, local in zip(self.spectral, self.local):
            h = F.gelu(spectral(h) + local(h))
        return u + self.project(h)


def relative_l2(pred, true):
    return ((pred - true).flatten(1).norm(dim=1) / true.flatten(1).norm(dim=1)).mean()


torch.manual_seed(4)
g = torch.Generator().manual_seed(4)
train_loader = DataLoader(fields(400, g), batch_size=20, shuffle=True)
val_loader = DataLoader(fields(80, g), batch_size=40)
model = FNO()
model(next(iter(val_loader))[0])        # materialises the lazy layer
loss_fn = relative_l2
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6 * len(train_loader), eta_min=1e-4)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        losses = []
        for u0, u1 in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(u0), u1)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
        print(epoch, sum(losses) / len(losses), val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
