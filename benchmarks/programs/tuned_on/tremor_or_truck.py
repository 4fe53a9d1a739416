"""Tremor or passing truck? One-dimensional conv net on short ground-motion traces.

code: ND608
also: ND110
object: sigma | Jitter | jitter | noise
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(77)


def traces(n):
    kind = torch.randint(0, 2, (n,))
    t = torch.arange(80).float()
    onset = torch.randint(10, 40, (n, 1)).float()
    fall = torch.exp(-(t - onset).clamp(min=0) / 15) * (t > onset)        # sudden, then fades
    swell = torch.exp(-0.5 * ((t - onset - 15) / 10) ** 2)                 # comes and goes
    shape = torch.where(kind[:, None] == 1, fall, swell)
    wave = shape * torch.sin(t * 0.9 + 6.28 * torch.rand(n, 1)) * 2 + 0.2 * torch.randn(n, 80)
    return TensorDataset((wave / 0.75).unsqueeze(1), kind)


class Jitter(nn.Module):
    """Adds fresh noise to the trace while training."""

    def __init__(self, sigma):
        super().__init__()
        self.sigma = sigma

    def forward(self, x):
        return x + self.sigma * torch.randn_like(x) if self.training else x  # here


train_loader = DataLoader(traces(800), batch_size=32, shuffle=True)
val_loader = DataLoader(traces(200), batch_size=100)
model = nn.Sequential(
    Jitter(sigma=25.0),  # fault
    # fixed: Jitter(sigma=0.05),
    nn.Conv1d(1, 12, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2),
    nn.Conv1d(12, 16, 9, padding=4), nn.ReLU(), nn.AdaptiveAvgPool1d(8),
    nn.Flatten(), nn.Linear(128, 2),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        return sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / len(val_loader.dataset)


def train():
    for epoch in range(8):
        model.train()
        for wave, kind in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(wave), kind)
            loss.backward()
            optimizer.step()
    print(f"loss {loss.item():.3f} val acc {evaluate():.3f}")


if __name__ == "__main__":
    train()
