"""Whale or ship in hydrophone spectrograms; two small helpers make the spectrograms.

code: ND106
also:
object: for_validation | val_loader | to_db | spectrogram | val_set
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(29)
WINDOW = torch.hann_window(64)


def hydrophone(whale):
    t = torch.arange(1024) / 1000
    noise = 0.9 * torch.randn(1024)
    f = 60 + 100 * torch.rand(())
    if whale:
        tone = torch.sin(6.2832 * (f * t + 90 * t * t))
    else:
        tone = sum(torch.sin(6.2832 * f * k * t + k) / k for k in (1, 2, 3))
    return noise + (0.35 + 0.3 * torch.rand(())) * tone


def spectrogram(wave):
    z = torch.stft(wave, 64, hop_length=32, window=WINDOW, return_complex=True)
    return z.abs().square()[None, :32]


def to_db(power):
    return 10 * torch.log10(power + 1e-6)


def standard(s):
    return (s - STATS[0]) / STATS[1]


def for_training(wave):
    s = to_db(spectrogram(wave))
    shift = torch.randint(0, 6, ()).item()
    return standard(torch.roll(s, shift, dims=2))


def for_validation(wave):
    s = spectrogram(wave)  # fault
    # fixed: s = to_db(spectrogram(wave))
    return standard(s)  # here


class Hydro(Dataset):
    def __init__(self, n, transform):
        self.y = torch.randint(0, 2, (n,)).float()
        self.waves = [hydrophone(bool(k)) for k in self.y]
        self.transform = transform

    def __len__(self):
        return len(self.waves)

    def __getitem__(self, i):
        return self.transform(self.waves[i]), self.y[i]


train_set, val_set = Hydro(320, for_training), Hydro(100, for_validation)  # here
probe = torch.stack([to_db(spectrogram(w)) for w in train_set.waves])
STATS = (probe.mean(), probe.std())
train_loader = DataLoader(train_set, batch_size=20, shuffle=True)
val_loader = DataLoader(val_set, batch_size=50)  # here


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(16 * 8, 1)

    def forward(self, s):
        return self.head(self.net(s).mean(3).flatten(1)).squeeze(1)


model = Detector()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(7):
        model.train()
        tot = 0.0
        for s, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(s), y)
            loss.backward()
            optimizer.step()
            tot += loss.item()
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(s), y).item() for s, y in val_loader]
    print("val", val)
    return tot / len(train_loader)


if __name__ == "__main__":
    print(train())
