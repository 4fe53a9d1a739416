"""Bot or human, from the movement of the pointer on a 256-cell grid.

code: ND111
also: ND102
object: steps | deltas | np.diff | Tracks | path
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

POINTS = 30


def pointer(n, seed):
    r = np.random.default_rng(seed)
    bot = r.integers(0, 2, n)
    start, end = r.uniform(30, 225, (2, n, 1, 2))
    s = np.linspace(0, 1, POINTS)[None, :, None]
    ease = np.where(bot[:, None, None] == 1, s, 3 * s ** 2 - 2 * s ** 3)
    bend = r.normal(0, 12, (n, 1, 2)) * np.sin(np.pi * s)
    shake = r.normal(0, 1.2, (n, POINTS, 2)) + np.cumsum(r.normal(0, .4, (n, POINTS, 2)), 1)
    path = start + (end - start) * ease + bend + shake
    return path.clip(0, 255).astype(np.uint8), bot


class Tracks(Dataset):
    """Logged as bytes to keep the files small."""

    def __init__(self, n, seed):
        self.path, self.bot = pointer(n, seed)

    def __len__(self):
        return len(self.bot)

    def __getitem__(self, i):
        steps = np.diff(self.path[i], axis=0)  # fault
        # fixed: steps = np.diff(self.path[i].astype(np.int32), axis=0)
        return torch.from_numpy(steps.astype(np.float32)) / 5, torch.tensor(float(self.bot[i]))  # here


class Judge(nn.Module):
    def __init__(self, h=24):
        super().__init__()
        self.lstm = nn.LSTM(2, h, batch_first=True)
        self.out = nn.Linear(2 * h, 1)

    def forward(self, steps):
        h, (last, _) = self.lstm(steps)
        return self.out(torch.cat([h.mean(1), last[-1]], 1)).squeeze(1)


torch.manual_seed(3)
train_loader = DataLoader(Tracks(1000, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Tracks(160, 2), batch_size=80)
model = Judge()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(7):
        model.train()
        losses = []
        for steps, bot in train_loader:
            loss = loss_fn(model(steps), bot)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = sum(((model(s) > 0) == (b > 0)).sum().item() for s, b in val_loader)
    print("val", right / 160)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
