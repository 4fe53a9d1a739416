"""Bird calls, one folder per species, streamed with an IterableDataset.

code: ND108
also:
object: train_loader | CallStream | stream | sampler
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

SPECIES = ["wren", "robin", "owl", "finch", "crane"]


def folders(per_species, seed):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, 96)
    disk = {}
    for k, name in enumerate(SPECIES):
        disk[name] = []
        for _ in range(per_species):
            sweep = [10, 14, 5, 20, 8][k] + [6, -4, 0, 3, 9][k] * t + rng.normal(0, 0.5)
            call = np.sin(2 * np.pi * (sweep * t + rng.random())) * (0.8 + 0.4 * rng.random())
            disk[name].append((call + 0.4 * rng.normal(size=96)).astype(np.float32))
    return disk


class CallStream(IterableDataset):
    def __init__(self, disk, seed=0):
        self.disk, self.rng = disk, np.random.default_rng(seed)

    def __len__(self):
        return sum(map(len, self.disk.values()))

    def __iter__(self):
        calls = [(call, k) for k, name in enumerate(SPECIES) for call in self.disk[name]]
        order = range(len(calls))  # fault
        # fixed: order = self.rng.permutation(len(calls))
        for i in order:
            call, k = calls[i]
            yield torch.from_numpy(call)[None], k  # here


class CallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(1, 20, 15, padding=7), nn.ReLU(), nn.MaxPool1d(3),
                                  nn.Conv1d(20, 32, 7, padding=3), nn.ReLU(), nn.AdaptiveAvgPool1d(4))
        self.fc = nn.Linear(128, len(SPECIES))

    def forward(self, wave):
        return self.fc(self.conv(wave).flatten(1))


torch.manual_seed(0)
train_loader = DataLoader(CallStream(folders(80, 0)), batch_size=20)  # here
val_loader = DataLoader(CallStream(folders(30, 1)), batch_size=50)
model = CallNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for wave, bird in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(wave), bird)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            res = [(model(w).argmax(1) == b).float().mean().item() for w, b in val_loader]
        print(f"{epoch} loss {np.mean(losses):.3f} accuracy {np.mean(res):.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
