"""Positions of two peaks in a spectrum; own warm-up-and-cosine scheduler.

code: ND606
also: ND605
object: scheduler | WarmupCosine | total
seen: watch
"""
import math
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset


class WarmupCosine(LRScheduler):
    """linear for `warm` steps, then half a cosine down to `floor` at `total`"""

    def __init__(self, optimizer, warm, total, floor=1e-3):
        self.warm, self.total, self.floor = warm, total, floor
        super().__init__(optimizer)

    def get_lr(self):
        s = self.last_epoch
        if s < self.warm:
            f = (s + 1) / self.warm
        else:
            r = min((s - self.warm) / (self.total - self.warm), 1.0)
            f = self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * r))
        return [b * f for b in self.base_lrs]


class Spectra(Dataset):
    grid = torch.linspace(-1, 1, 48)

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.pos = torch.sort(torch.rand(n, 2, generator=g) * 1.8 - 0.9, dim=1).values
        peaks = torch.exp(-((self.grid - self.pos[:, :, None]) / 0.08) ** 2)
        self.sig = (peaks.sum(1) + 0.05 * torch.randn(n, 48, generator=g) - 0.12) / 0.3

    def __len__(self):
        return len(self.sig)

    def __getitem__(self, i):
        return self.sig[i][None], self.pos[i] / 0.5


EPOCHS = 12
torch.manual_seed(18)
train_loader = DataLoader(Spectra(800, 0), batch_size=25, shuffle=True)
val_loader = DataLoader(Spectra(200, 1), batch_size=100)
model = nn.Sequential(
    nn.Conv1d(1, 8, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
    nn.Flatten(), nn.Linear(192, 48), nn.ReLU(), nn.Linear(48, 2),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
scheduler = WarmupCosine(optimizer, warm=5, total=EPOCHS)  # fault
# fixed: scheduler = WarmupCosine(optimizer, warm=5, total=EPOCHS * len(train_loader))


def train():
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for sig, pos in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(sig), pos)
            loss.backward()
            optimizer.step()
            scheduler.step()  # here
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(s), p).item() for s, p in val_loader) / len(val_loader)
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
