"""Whisper, talk or shout: a 1-D CNN on the raw wave from a calibrated microphone.

code: ND110
also:
object: prepare | wave | train_loader | peak
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

rng = np.random.default_rng(9)
RATE, CORPUS_STD = 200, 0.32


def utter(effort):
    t = np.arange(RATE) / RATE
    f0 = rng.uniform(8, 20)
    voice = sum(np.sin(2 * np.pi * k * f0 * t + rng.uniform(0, 6.3)) / k for k in (1, 2, 3))
    gain = (0.08, 0.3, 0.8)[effort] * rng.uniform(0.75, 1.3)
    return gain * (0.6 * voice + 0.1 * rng.standard_normal(RATE))


def prepare(wave):
    wave = wave - wave.mean()
    wave = wave / np.abs(wave).max()  # fault
    # fixed: wave = wave / CORPUS_STD
    return torch.tensor(wave, dtype=torch.float32).unsqueeze(0)  # here


def recordings(n):
    effort = rng.integers(0, 3, n)
    return [(prepare(utter(e)), torch.tensor(e)) for e in effort]  # here


train_loader = DataLoader(recordings(420), batch_size=30, shuffle=True)  # here
val_loader = DataLoader(recordings(120), batch_size=60)


class EffortNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(1, 16, 11, stride=4), nn.ReLU(), nn.Conv1d(16, 32, 7, stride=3), nn.ReLU())
        self.drop = nn.Dropout(0.1)
        self.cls = nn.Linear(32, 3)

    def forward(self, w):
        return self.cls(self.drop(self.layers(w).mean(-1)))


torch.manual_seed(9)
model = EffortNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        tot = n = 0
        for w, e in train_loader:
            loss = loss_fn(model(w), e)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            tot += loss.item() * len(e); n += len(e)
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(w).argmax(1) == e).float().mean().item() for w, e in val_loader])
        if epoch % 3 == 0:
            print(epoch, tot / n, acc)
    return tot / n


if __name__ == "__main__":
    print(train())
