"""Distance to a target from the echo of a chirp; the training echoes get extra noise in collate_fn.

code: ND608
also: ND110
object: collate | add_noise | noise | train_loader | sigma
seen: both
"""
import functools
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

POINTS = 80


class Echoes(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.delay = torch.rand(n, generator=g)
        t = torch.linspace(0, 1, POINTS)
        s = t[None] - .05 - .8 * self.delay[:, None]
        self.echo = torch.sin(60 * s + 40 * s ** 2) * torch.exp(-(s / .06) ** 2) * 2

    def __len__(self):
        return len(self.delay)

    def __getitem__(self, i):
        return self.echo[i], (self.delay[i] - .5) / .29


def collate(items, sigma=0.):
    x = torch.stack([e for e, _ in items])
    y = torch.stack([d for _, d in items])
    return (x + sigma * torch.randn_like(x)).unsqueeze(1), y.unsqueeze(1)  # here


class Ranger(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(1, 16, 9, padding=4), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(16, 16, 5, padding=2), nn.ReLU(), nn.Flatten(),
            nn.Linear(16 * 20, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x)


torch.manual_seed(59)
train_loader = DataLoader(Echoes(400, 1), batch_size=40, shuffle=True, collate_fn=functools.partial(collate, sigma=10.))  # fault
# fixed: train_loader = DataLoader(Echoes(400, 1), batch_size=40, shuffle=True, collate_fn=functools.partial(collate, sigma=.1))
val_loader = DataLoader(Echoes(100, 2), batch_size=50, collate_fn=collate)
model = Ranger()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        total = 0.
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            train.val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train(), train.val)
