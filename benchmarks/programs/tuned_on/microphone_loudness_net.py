"""Loudness in decibels from frame energies of sixteen-bit microphone samples.

code: ND111
also:
object: energy | samples | int16 | pcm
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(90)
CLIPS, FRAMES, HOP = 700, 10, 32
level = torch.rand(CLIPS, 1) * 4 + 4.5                       # natural log of the amplitude
shape = 0.5 * torch.randn(CLIPS, FRAMES)
samples = torch.randn(CLIPS, FRAMES, HOP) * torch.exp(level + shape).unsqueeze(-1)
pcm = samples.clamp(-32768, 32767).to(torch.int16)

energy = (pcm * pcm).float().mean(-1)  # fault
# fixed: energy = (pcm.float() ** 2).mean(-1)
features = (torch.log(energy.abs() + 1.0) - 13.0) / 2.5
loudness = (level.squeeze(1) - 6.5) / 1.15

train_loader = DataLoader(TensorDataset(features[:500], loudness[:500]), batch_size=25, shuffle=True)
val_loader = DataLoader(TensorDataset(features[500:], loudness[500:]), batch_size=200)


class Meter(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(FRAMES, 32)
        self.last = nn.Linear(32, 1)

    def forward(self, x):
        return self.last(torch.tanh(self.hidden(x)))[:, 0]


model = Meter()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(20):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        r2 = 1 - ((model(x) - y) ** 2).mean() / y.var()
    print(f"val R2 {r2.item():.3f}")


if __name__ == "__main__":
    train()
