"""Compress heart beats to five numbers and rebuild them.

code: ND106
also: ND102
object: ValBeats | __getitem__ | mean | std | prepare | val_loader
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(83)
t = torch.linspace(-1, 1, 64)


def beats(n):
    p = 0.3 * torch.exp(-((t + 0.5 + 0.08 * torch.randn(n, 1)) / 0.1) ** 2)
    r = (1.5 + 0.3 * torch.randn(n, 1)) * torch.exp(-((t + 0.1 * torch.randn(n, 1)) / 0.08) ** 2)
    wave = 0.5 * torch.exp(-((t - 0.5 + 0.08 * torch.randn(n, 1)) / 0.15) ** 2)
    return 3.0 + p + r + wave + 0.02 * torch.randn(n, 64)  # millivolts above the drift of the electrode


train_beats, val_beats = beats(700), beats(200)
mean, std = train_beats.mean(), train_beats.std()


class Beats(Dataset):
    def __init__(self, raw):
        self.raw = raw

    def __len__(self):
        return len(self.raw)

    def prepare(self, beat):
        return (beat - mean) / std

    def __getitem__(self, i):
        beat = self.prepare(self.raw[i])
        return beat, beat


class ValBeats(Beats):
    def prepare(self, beat):
        return beat - mean / std  # fault
        # fixed: return (beat - mean) / std


train_loader = DataLoader(Beats(train_beats), batch_size=50, shuffle=True)
val_loader = DataLoader(ValBeats(val_beats), batch_size=200)
encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 5))
decoder = nn.Sequential(nn.Linear(5, 48), nn.ReLU(), nn.Linear(48, 64))
model = nn.Sequential(encoder, decoder)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for _ in range(25):
        model.train()
        for beat, same in train_loader:
            optimizer.zero_grad()
            loss_fn(model(beat), same).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        beat, same = next(iter(val_loader))
        print("val mse", loss_fn(model(beat), same).item())


if __name__ == "__main__":
    train()
