"""Who is walking? Short clips of footsteps, mixed with random room noise by two loader workers.

code: ND109
also:
object: rng | Footsteps | train_set | train_loader | self.rng
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

RATE = 200


class Footsteps(Dataset):
    walkers = 4

    def __init__(self, n, seed, noisy):
        r = np.random.default_rng(seed)
        self.who = r.integers(0, self.walkers, n)
        t = np.arange(RATE) / RATE
        pace = np.array([3.0, 3.8, 4.6, 5.4])[self.who] + r.normal(0, .15, n)
        pitch = np.array([30, 22, 36, 26])[self.who] + r.normal(0, 1, n)
        beat = np.exp(-((pace[:, None] * t + r.random((n, 1))) % 1) * 5)
        self.clips = (beat * np.sin(2 * np.pi * pitch[:, None] * t)).astype(np.float32)
        self.clips /= self.clips.std()
        self.noisy = noisy
        self.rng = np.random.default_rng(seed + 1)  # here

    def __len__(self):
        return len(self.who)

    def __getitem__(self, i):
        clip = self.clips[i]
        if self.noisy:
            rng = self.rng  # fault
            # fixed: rng = np.random.default_rng(torch.randint(2 ** 31, ()).item())
            clip = np.roll(clip, rng.integers(RATE)) * rng.uniform(.7, 1.3)  # here
            clip = clip + .5 * rng.standard_normal(RATE)
        return torch.tensor(clip, dtype=torch.float32)[None], int(self.who[i])


def build():
    return nn.Sequential(
        nn.Conv1d(1, 16, 11, stride=2, padding=5), nn.ReLU(),
        nn.Conv1d(16, 24, 9, stride=3, padding=4), nn.ReLU(),
        nn.Conv1d(24, 32, 9, padding=4), nn.ReLU(),
        nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(32, 4))


torch.manual_seed(2)
train_set, val_set = Footsteps(480, 0, True), Footsteps(120, 50, False)
train_loader = DataLoader(train_set, batch_size=40, shuffle=True, num_workers=2)  # here
val_loader = DataLoader(val_set, batch_size=60)
model = build()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print("val", right / len(val_set))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
