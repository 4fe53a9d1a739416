"""Which way does the object on the security camera move? A CNN on frame differences.

code: ND111
also: ND110
object: delta | Clips | frames | train_loader | inputs
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

MOVES = [(0, 0), (0, 2), (0, -2), (2, 0), (-2, 0)]


def film(move, rng):
    """T x H x W, uint8 like the decoder's output"""
    scene = rng.normal(110, 12, (18, 18))
    y, x = rng.integers(5, 9, 2)
    frames = np.empty((3, 18, 18))
    for k in range(3):
        frame = scene + rng.normal(0, 3, scene.shape)
        yy, xx = y + (k - 1) * move[0], x + (k - 1) * move[1]
        frame[yy:yy + 5, xx:xx + 5] += 55
        frames[k] = frame
    return frames.clip(0, 255).astype(np.uint8)


class Clips(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.move = rng.integers(0, len(MOVES), n)
        self.frames = [film(MOVES[m], rng) for m in self.move]

    def __len__(self):
        return len(self.move)

    def __getitem__(self, i):
        f = self.frames[i]
        delta = f[1:] - f[:-1]  # fault
        # fixed: delta = f[1:].astype(np.int16) - f[:-1]
        return torch.from_numpy(delta.astype(np.float32) / 24.0), int(self.move[i])  # here


torch.manual_seed(0)
train_loader, val_loader = DataLoader(Clips(400, 0), 40, shuffle=True), DataLoader(Clips(120, 1), 60)  # here
model = nn.Sequential(nn.Conv2d(2, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(16, 32, 3), nn.Tanh(),
                      nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, len(MOVES)))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(7):
        model.train()
        total = 0.0
        for delta, move in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(delta), move)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(d).argmax(1) == m).sum().item() for d, m in val_loader) / 120
        print(f"epoch {epoch} loss {total / len(train_loader):.3f} val {acc:.2f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
