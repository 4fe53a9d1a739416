"""Bark classifier on top of a spectral front end whose weights come from a checkpoint saved under DataParallel.

code: ND707
also:
object: load_state_dict | checkpoint | front | trunk | strict
seen: both
"""
import math
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class FrontEnd(nn.Module):
    """Learnt filter bank: pairs of filters, energy of each pair."""

    def __init__(self, bands=12, taps=33):
        super().__init__()
        self.real = nn.Conv1d(1, bands, taps, stride=4, bias=False)
        self.imag = nn.Conv1d(1, bands, taps, stride=4, bias=False)

    def forward(self, wave):
        e = self.real(wave) ** 2 + self.imag(wave) ** 2
        return torch.log1p(e.mean(-1))


def checkpoint(bands=12, taps=33):
    """stands for torch.load('front.pt'): saved from nn.DataParallel(front)"""
    t = torch.arange(taps) - taps // 2
    f = torch.linspace(0.02, 0.4, bands)[:, None]
    win = torch.hann_window(taps) * 0.4
    return {
        "module.real.weight": (win * torch.cos(2 * math.pi * f * t)).unsqueeze(1),
        "module.imag.weight": (win * torch.sin(2 * math.pi * f * t)).unsqueeze(1),
    }


class BarkNet(nn.Module):
    def __init__(self, front, bands=12, breeds=5):
        super().__init__()
        self.front = front
        self.head = nn.Sequential(nn.BatchNorm1d(bands), nn.Linear(bands, 32), nn.ReLU(), nn.Linear(32, breeds))

    def forward(self, wave):
        with torch.no_grad():
            feats = self.front(wave)
        return self.head(feats)


torch.manual_seed(88)
front = FrontEnd().requires_grad_(False)
front.load_state_dict(checkpoint(), strict=False)  # fault
# fixed: front.load_state_dict({k.removeprefix("module."): v for k, v in checkpoint().items()})
model = BarkNet(front)  # here


def barks(n, seed):
    g = torch.Generator().manual_seed(seed)
    breed = torch.randint(0, 5, (n,), generator=g)
    f0 = 0.05 + 0.055 * breed.float() + 0.008 * torch.randn(n, generator=g)
    t = torch.arange(160.0)
    ph = 6.283 * torch.rand(n, 1, generator=g)
    return TensorDataset((torch.sin(6.283 * f0[:, None] * t + ph) + 0.8 * torch.randn(n, 160, generator=g)).unsqueeze(1), breed)


train_loader = DataLoader(barks(600, 0), batch_size=40, shuffle=True)
val_loader = DataLoader(barks(150, 1), batch_size=75)
loss_fn = F.cross_entropy
optimizer = torch.optim.Adam(model.head.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        s = 0.0
        for w, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(w), b)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(w).argmax(1) == b).sum().item() for w, b in val_loader) / 150
        print(epoch, s / len(train_loader), acc)
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
