"""A corridor camera: does somebody walk left, right, or nobody move? From the difference of two frames.

code: ND111
also:
object: frame_difference | diff | before | after | motion | train_loader | x
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

HEIGHT, WIDTH = 8, 24
rng = np.random.default_rng(29)
torch.manual_seed(29)


def scene(position, wall):
    frame = wall + rng.normal(0, 10, (HEIGHT, WIDTH))
    frame[2:, position:position + 3] += 45
    return frame.clip(0, 255).astype(np.uint8)


def frame_difference(before, after):
    diff = after - before  # fault
    # fixed: diff = after.astype(np.int16) - before
    return diff / 25.0


def clips(n):
    motion, label = [], rng.integers(0, 3, n)
    for k in label:
        wall = rng.uniform(60, 160) + np.cumsum(rng.normal(0, 6, WIDTH))
        start = rng.integers(2, WIDTH - 5)
        step = {0: -2, 1: 0, 2: 2}[int(k)]
        motion.append(frame_difference(scene(start, wall), scene(start + step, wall)))
    x = torch.tensor(np.stack(motion), dtype=torch.float32).unsqueeze(1)
    return TensorDataset(x, torch.tensor(label))  # here


train_loader = DataLoader(clips(900), batch_size=30, shuffle=True)  # here
val_loader = DataLoader(clips(240), batch_size=120)  # here


class MotionNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, (HEIGHT, 7))
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        h = torch.relu(self.conv(x)).amax(dim=(2, 3))
        return self.head(h)


model = MotionNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print(f"loss {loss.item():.3f} accuracy {hits / 240:.3f}")


if __name__ == "__main__":
    train()
