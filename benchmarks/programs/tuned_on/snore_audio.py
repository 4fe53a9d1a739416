"""Snore, breath or speech from spectrograms in decibels.

code: ND110
also:
object: to_decibel | Decibel | db | transform | spec
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

RATE, N = 512, 512


def night(n, seed):
    g = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (n,), generator=g)
    t = torch.arange(N) / RATE
    sound = 0.01 * torch.randn(n, N, generator=g)
    gain = 0.02 + 0.08 * torch.rand(n, generator=g)
    for i, k in enumerate(kind.tolist()):
        phase = 6.28 * torch.rand(1, generator=g)
        if k == 0:
            f0 = 28 + 8 * torch.rand(1, generator=g)
            wave = sum(torch.sin(6.2832 * f0 * h * t + phase) / h for h in (1, 2, 3)) * (1 + torch.sin(6.2832 * 4 * t + phase))
        elif k == 1:
            wave = torch.randn(N, generator=g) * (1 + torch.sin(6.2832 * 2 * t + phase))
        else:
            f0 = 60 + 20 * torch.rand(1, generator=g)
            wave = sum(torch.sin(6.2832 * f0 * h * t + h * phase) for h in (1, 2)) + 0.3 * torch.randn(N, generator=g)
        sound[i] += gain[i] * wave
    return sound, kind


class Decibel:
    def __init__(self, floor=-60.0, ceiling=0.0):
        self.floor, self.ceiling = floor, ceiling

    def __call__(self, sound):
        window = torch.hann_window(64)
        mag = torch.stft(sound, 64, 32, window=window, return_complex=True).abs() / window.sum()
        db = 20 * torch.log10(mag + 1e-8)
        db = db.clamp(min=self.ceiling)  # fault
        # fixed: db = db.clamp(self.floor, self.ceiling)
        return (db - self.floor / 2) / 15  # here


torch.manual_seed(0)
to_decibel = Decibel()


def loader(n, seed, shuffle):
    sound, kind = night(n, seed)
    return DataLoader(TensorDataset(to_decibel(sound)[:, None], kind), batch_size=32, shuffle=shuffle)  # here


train_loader, val_loader = loader(416, 1, True), loader(96, 2, False)
model = nn.Sequential(
    nn.Conv2d(1, 12, 3, stride=(2, 1), padding=1), nn.ReLU(),
    nn.Conv2d(12, 24, 3, stride=(2, 2), padding=1), nn.ReLU(),
    nn.AdaptiveAvgPool2d((4, 1)), nn.Flatten(), nn.Linear(96, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        seen = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            seen.append(float(loss.detach()))
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print("val", right / 96)
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())
