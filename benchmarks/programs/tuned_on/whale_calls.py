"""Tells four kinds of whale call apart in toy spectrograms.

code: ND606
also: ND605
object: scheduler | sched | ExponentialLR
seen: watch
"""
import torch, math
from torch import nn
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(15)


def call(kind, n, bins=16, frames=20):
    """A ridge in the time-frequency plane: rising, falling, flat, two-part."""
    time = torch.linspace(0, 1, frames)
    start = torch.rand(n, 1) * 4 + 4
    curve = {0: start + 5 * time, 1: start + 5 - 5 * time, 2: start + 2 + 0 * time, 3: start + 3 * (2 * time - 1).abs()}[kind]
    grid = torch.arange(bins)[None, :, None]
    return torch.exp(-((grid - curve[:, None]) ** 2) / 2) * 2 + 0.7 * torch.randn(n, bins, frames)


spec = torch.cat([call(k, 250) for k in range(4)]).unsqueeze(1)
kind = torch.arange(4).repeat_interleave(250)
mix = torch.randperm(1000)
spec, kind = (spec[mix] - spec.mean()) / spec.std(), kind[mix]
train_loader = DataLoader(TensorDataset(spec[:800], kind[:800]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(spec[800:], kind[800:]), batch_size=100)

model = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d((2, 5)), nn.Flatten(), nn.Linear(160, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.5)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)  # here


def train(epochs=6):
    for epoch in range(epochs):
        model.train(); track = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            scheduler.step()  # fault
            # fixed:
            track.append(loss.item())
        scheduler.step()  # here
        model.eval()
        with torch.no_grad():
            acc = torch.cat([model(x).argmax(1) == y for x, y in val_loader]).float().mean().item()
        print(f"epoch {epoch} lr {optimizer.param_groups[0]['lr']:.2e} loss {sum(track) / len(track):.3f} val acc {acc:.3f}")
    return sum(track) / len(track)


if __name__ == "__main__":
    train()
