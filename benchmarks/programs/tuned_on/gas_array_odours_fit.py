"""Four odours told apart by an array of forty gas sensors.

code: ND114
also: ND110
object: GAIN | counts | acquire | x | channels | train_loader
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
GAIN = 6000.0  # fault
# fixed: GAIN = 600.0
FULL_SCALE = 4095.0  # twelve-bit converter
channels, odours = 40, 4


def acquire(volts):
    counts = (volts * GAIN).round()
    return counts.clamp(0, FULL_SCALE)  # here


profile = 2.5 + 0.6 * torch.randn(odours, channels)
odour = torch.randint(0, odours, (1000,))
volts = (profile[odour] + 0.9 * torch.randn(1000, channels)).clamp(0.5, 6.5)
counts = acquire(volts)
x = (counts - counts[:800].mean(0)) / (counts[:800].std(0) + 1.0)
train_loader = DataLoader(TensorDataset(x[:800], odour[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x[800:], odour[800:]), batch_size=200)

model = nn.Sequential(nn.Linear(channels, 32), nn.ReLU(), nn.Linear(32, odours))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print("val accuracy", (model(a).argmax(1) == b).float().mean().item())


if __name__ == "__main__":
    train()
