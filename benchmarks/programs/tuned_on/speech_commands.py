"""Spots one of four commands in toy spectrograms; a running mean of the features watches for drift.

code: ND506
also:
object: drift | model.drift | running | DriftMonitor
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Commands(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.label = torch.randint(0, 4, (n,), generator=g)
        t = torch.linspace(0, 1, 20)
        start = torch.tensor([2., 12., 2., 12.])[self.label]
        slope = torch.tensor([8., -8., 1., -1.])[self.label]
        pitch = start[:, None] + slope[:, None] * t + torch.randn(n, 1, generator=g)
        bins = torch.arange(16.)
        self.spec = torch.exp(-0.5 * (bins[None, :, None] - pitch[:, None]) ** 2) * 3 + 0.6 * torch.randn(n, 16, 20, generator=g) - 0.4

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.spec[i], self.label[i]


class DriftMonitor(nn.Module):
    """Passes features on; keeps their running mean and measures the shift at inference."""

    def __init__(self, d, momentum=0.1):
        super().__init__()
        self.register_buffer("running", torch.zeros(d))
        self.momentum, self.shift = momentum, 0.0

    def forward(self, h):
        if not self.training:
            self.shift = (h.mean(0) - self.running).norm().item()
            return h
        mean = h.mean(0)
        self.running = (1 - self.momentum) * self.running + self.momentum * mean  # fault
        # fixed: self.running = (1 - self.momentum) * self.running + self.momentum * mean.detach()
        return h


class Spotter(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(16, 32, batch_first=True)
        self.drift = DriftMonitor(32)  # here
        self.out = nn.Linear(32, 4)

    def forward(self, spec):
        _, h = self.rnn(spec.transpose(1, 2))
        return self.out(self.drift(h[0]))  # here


torch.manual_seed(88)
model = Spotter()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
train_loader = DataLoader(Commands(480, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Commands(120, 1), batch_size=60)


def train():
    for epoch in range(8):
        model.train()
        seen = 0.0
        for spec, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(spec), label)
            loss.backward()
            optimizer.step()
            seen += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(s).argmax(1) == l).sum().item() for s, l in val_loader) / 120
        print(epoch, seen / len(train_loader), acc, round(model.drift.shift, 3))
    return seen / len(train_loader)


if __name__ == "__main__":
    print(train())
