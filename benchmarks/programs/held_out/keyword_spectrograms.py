"""Spoken keywords as synthetic chirps, classified on (log) spectrograms.

code: ND106
also:
object: val_loader | KeywordClips | spectrogram | val_clips
seen: checkup
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

RATE = 1024


class KeywordClips(Dataset):
    """kind 0 rises, kind 1 falls, kind 2 stays, kind 3 wobbles."""

    def __init__(self, count, seed, augment=False, log=True):
        self.g = torch.Generator().manual_seed(seed)
        self.augment, self.log = augment, log
        self.kinds = torch.randint(0, 4, (count,), generator=self.g)
        self.clips = torch.stack([self.speak(int(k)) for k in self.kinds])

    def speak(self, kind):
        t = torch.arange(RATE) / RATE
        base = 120 + 80 * torch.rand((), generator=self.g)
        sweep = {0: 120 * t, 1: 120 * (1 - t), 2: 60 + 0 * t, 3: 60 + 50 * torch.sin(2 * math.pi * 3 * t)}[kind]
        phase = 2 * math.pi * torch.cumsum(base + sweep, 0) / RATE
        return torch.sin(phase) + 0.1 * torch.randn(RATE, generator=self.g)

    def __len__(self):
        return len(self.kinds)

    def spectrogram(self, clip):
        power = torch.stft(clip, 64, 32, window=torch.hann_window(64), return_complex=True).abs() ** 2
        return (torch.log(power + 1e-3) + 0.8) / 2.7 if self.log else power

    def __getitem__(self, i):
        clip = self.clips[i]
        if self.augment:
            clip = clip * (0.8 + 0.4 * torch.rand(()))
        return {"spec": self.spectrogram(clip), "kind": self.kinds[i]}


class KeywordNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(33, 32, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(32, 32, 3, padding=1), nn.ReLU())
        self.out = nn.Linear(32 * 16, 4)

    def forward(self, spec):
        return self.out(self.conv(spec).flatten(1))


torch.manual_seed(9)
train_clips = KeywordClips(480, seed=1, augment=True)
val_clips = KeywordClips(120, seed=2, log=False)  # fault
# fixed: val_clips = KeywordClips(120, seed=2)
train_loader = DataLoader(train_clips, batch_size=24, shuffle=True)
val_loader = DataLoader(val_clips, batch_size=60)  # here
model = KeywordNet()
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.02)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["spec"]), batch["kind"])


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["spec"]), batch["kind"])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(b["spec"]), b["kind"]).item() for b in val_loader]
        print("val loss", sum(val) / len(val))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
