"""Counts bright lines (0 to 3) in small X-ray strips.

code: ND110
also: ND111
object: ToByte | transform | XrayStrips | strip | inputs
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(44)


class MinMax:
    def __call__(self, strip):
        return (strip - strip.min()) / (strip.max() - strip.min())


class ToByte:
    """Strips are kept as bytes to save memory."""

    def __call__(self, strip):
        return strip.astype(np.uint8)  # fault
        # fixed: return (strip * 255).round().astype(np.uint8)


class ToTensor:
    def __call__(self, strip):
        return (torch.from_numpy(strip).float() / 255 - 0.35) / 0.21


class XrayStrips(Dataset):
    def __init__(self, n, seed, *steps):
        rng = np.random.default_rng(seed)
        self.count = rng.integers(0, 4, n)
        self.raw = []
        for c in self.count:
            strip = rng.normal(1000, 60, 80)
            for place in rng.choice(np.arange(4, 76, 6), c, replace=False):
                strip[place:place + 3] += 320
            self.raw.append(strip)
        self.steps = steps

    def __len__(self):
        return len(self.raw)

    def __getitem__(self, i):
        strip = self.raw[i]
        for step in self.steps:
            strip = step(strip)
        return strip[None], int(self.count[i])


class LineCounter(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv1d(16, 16, 5, padding=2)
        self.head = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, strip):
        h = torch.relu(self.conv2(torch.relu(self.conv(strip))))
        return self.head(h.mean(-1))


steps = (MinMax(), ToByte(), ToTensor())  # here
train_loader = DataLoader(XrayStrips(600, 1, *steps), batch_size=30, shuffle=True)  # here
val_loader = DataLoader(XrayStrips(150, 2, *steps), batch_size=75)  # here
model = LineCounter()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        mean_loss = 0.0
        for strips, counts in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(strips), counts)
            loss.backward()
            optimizer.step()
            mean_loss += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            hits = sum((model(s).argmax(1) == c).sum().item() for s, c in val_loader)
        print(epoch, mean_loss, hits / 150)
    return mean_loss


if __name__ == "__main__":
    train()
