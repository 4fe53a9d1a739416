"""Tremor or quiet: learned Fourier filters over seismograms whose gaps are zero-filled.

code: ND504
also: ND310
object: spectrum | sqrt | model.real | model.imag
seen: both
"""
import math
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Station(Dataset):
    def __init__(self, n, seed, length=160):
        g = torch.Generator().manual_seed(seed)
        self.label = (torch.rand(n, generator=g) < 0.5).float()
        t = torch.arange(length) / length
        phase, freq = 6.28 * torch.rand(n, 1, generator=g), 14 + 6 * torch.rand(n, 1, generator=g)
        wave = torch.randn(n, length, generator=g) + self.label[:, None] * torch.sin(2 * math.pi * freq * t + phase)
        gap = torch.randint(0, length, (n,), generator=g)
        broken = torch.rand(n, generator=g) < 0.15
        for k in broken.nonzero().flatten().tolist():
            wave[k, gap[k]:gap[k] + 70] = 0.0
        self.wave = wave

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.wave[i], self.label[i]


class Tremor(nn.Module):
    def __init__(self, bands=12, width=32):
        super().__init__()
        k = torch.arange(width) * 2 * math.pi / width
        f = torch.linspace(0.5, 6, bands)[:, None]
        self.real = nn.Parameter(torch.cos(f * k)[:, None] / width ** 0.5)
        self.imag = nn.Parameter(torch.sin(f * k)[:, None] / width ** 0.5)
        self.head = nn.Linear(bands, 1)

    def spectrum(self, wave):
        re = F.conv1d(wave[:, None], self.real, stride=8)
        im = F.conv1d(wave[:, None], self.imag, stride=8)
        return torch.sqrt(re * re + im * im)  # fault
        # fixed: return torch.sqrt(re * re + im * im + 1e-6)

    def forward(self, wave):
        return self.head(self.spectrum(wave).mean(-1)).squeeze(-1)  # here


torch.manual_seed(61)
model = Tremor()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
train_loader = DataLoader(Station(640, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Station(160, 1), batch_size=80)


def train():
    for epoch in range(10):
        model.train()
        log = []
        for wave, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(wave), label)
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum(((model(w) > 0) == (y > 0.5)).sum().item() for w, y in val_loader) / 160
        print(epoch, sum(log) / len(log), acc)
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())
