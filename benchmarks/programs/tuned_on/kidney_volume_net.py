"""Estimates kidney volume from small CT blocks whose brightness differs from scanner to scanner.

code: ND301
also:
object: window | min | max | forward
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


class CTBlocks(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        z, y, x = np.meshgrid(np.linspace(-1, 1, 8), np.linspace(-1, 1, 14), np.linspace(-1, 1, 14), indexing="ij")
        blocks, volumes = [], []
        for _ in range(n):
            c, r = rng.uniform(-0.25, 0.25, 3), rng.uniform(0.35, 0.75, 3)
            organ = ((z - c[0]) / r[0]) ** 2 + ((y - c[1]) / r[1]) ** 2 + ((x - c[2]) / r[2]) ** 2 < 1
            contrast, base = rng.uniform(0.4, 1.6), rng.normal(0, 0.5)
            blocks.append(base + contrast * organ + 0.08 * contrast * rng.normal(size=organ.shape))
            volumes.append(organ.mean())
        self.blocks = torch.tensor(np.stack(blocks), dtype=torch.float32).unsqueeze(1)
        self.volume = torch.tensor(volumes, dtype=torch.float32)

    def __len__(self):
        return len(self.volume)

    def __getitem__(self, i):
        return self.blocks[i], self.volume[i]


def window(ct):
    """Rescales the grey values to 0 ... 1."""
    low, high = ct.min(), ct.max()  # fault
    # fixed: low, high = ct.amin((1, 2, 3, 4), keepdim=True), ct.amax((1, 2, 3, 4), keepdim=True)
    return (ct - low) / (high - low)  # here


class VolumeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv3d(1, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ELU(), nn.MaxPool3d(2),
            nn.Conv3d(8, 16, 3, padding=1), nn.ELU(), nn.AdaptiveAvgPool3d(2), nn.Flatten())
        self.out = nn.Sequential(nn.Linear(128, 24), nn.ELU(), nn.Linear(24, 1))

    def forward(self, ct):
        return self.out(self.features(2 * window(ct) - 1)).squeeze(1)  # here


torch.manual_seed(18)
train_set, val_set = CTBlocks(320, 1), CTBlocks(64, 2)
m, s = train_set.volume.mean(), train_set.volume.std()
for part in (train_set, val_set):
    part.volume = (part.volume - m) / s
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=16)
model = VolumeNet()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train():
    for epoch in range(6):
        model.train()
        running = []
        for ct, volume in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ct), volume)
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        model.eval()
        with torch.no_grad():
            mae = torch.cat([(model(ct) - v).abs() for ct, v in val_loader]).mean().item()
    return float(np.mean(running))


if __name__ == "__main__":
    print(train())
