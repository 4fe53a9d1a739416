"""Siren, horn or street noise from log spectrograms of one second clips (shorter ones are zero-padded).

code: ND310
also: ND308, ND101
object: LogSpectrogram | frontend | log | power
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
SR = 2000


def clip(kind):
    length = SR if torch.rand(()) < 0.8 else int(torch.randint(SR // 2, SR, ()))
    t = torch.arange(length) / SR
    if kind == 0:    # siren: swept tone
        f = 400 + 200 * torch.sin(2 * math.pi * (1 + torch.rand(())) * t)
        wave = torch.sin(2 * math.pi * torch.cumsum(f, 0) / SR)
    elif kind == 1:  # horn: two steady tones
        f0 = 250 + 100 * torch.rand(())
        wave = 0.6 * torch.sin(2 * math.pi * f0 * t) + 0.6 * torch.sin(2 * math.pi * 1.26 * f0 * t)
    else:
        wave = 0.5 * torch.randn(length)
    wave = wave + 0.2 * torch.randn(length)
    return nn.functional.pad(wave, (0, SR - length))


class LogSpectrogram(nn.Module):
    def __init__(self, n_fft=128, hop=64):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft))

    def forward(self, wave):
        spec = torch.stft(wave, self.n_fft, self.hop, window=self.window, return_complex=True)
        power = spec.abs() ** 2
        logspec = torch.log10(power)  # fault
        # fixed: logspec = torch.log10(power + 1e-3)
        return (logspec - 0.5) / 1.2


class SirenNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.frontend = LogSpectrogram()  # here
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU(),
            nn.AdaptiveAvgPool2d((4, 1)), nn.Flatten(), nn.Linear(64, 3),
        )

    def forward(self, wave):
        return self.body(self.frontend(wave).unsqueeze(1))  # here


def make(n):
    y = torch.randint(0, 3, (n,))
    return TensorDataset(torch.stack([clip(int(k)) for k in y]), y)


train_loader = DataLoader(make(240), batch_size=24, shuffle=True)
val_loader = DataLoader(make(60), batch_size=30)
model = SirenNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=6):
    for _ in range(epochs):
        model.train()
        batch_losses = []
        for wave, label in train_loader:
            loss = loss_fn(model(wave), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = sum((model(w).argmax(1) == l).sum().item() for w, l in val_loader)
    return sum(batch_losses) / len(batch_losses)


if __name__ == "__main__":
    print(train())
