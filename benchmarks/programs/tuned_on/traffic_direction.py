"""Which way does the car drive? Two camera frames, their difference goes into a small conv net.

code: ND111
also: ND110
object: difference | FramePairs | __getitem__ | first | second | uint8 | train_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(44)
DIRECTIONS = [(0, 2), (0, -2), (2, 0), (-2, 0)]


class FramePairs(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.way = rng.integers(0, 4, n)
        self.pairs = []
        for way in self.way:
            street = np.full((18, 18), rng.integers(60, 90))
            top, left = rng.integers(4, 10, 2)
            shade = rng.integers(110, 200)
            pair = []
            for step in (0, 1):
                frame = street + rng.integers(-8, 9, (18, 18))
                t, l = top + step * DIRECTIONS[way][0], left + step * DIRECTIONS[way][1]
                frame[t:t + 5, l:l + 5] = shade + rng.integers(-8, 9, (5, 5))
                pair.append(frame.astype(np.uint8))
            self.pairs.append(pair)

    def __len__(self):
        return len(self.way)

    def __getitem__(self, i):
        first, second = self.pairs[i]
        difference = second - first  # fault
        # fixed: difference = second.astype(np.int16) - first.astype(np.int16)
        picture = torch.from_numpy(difference.astype(np.float32))[None]
        return picture / 30, int(self.way[i])


train_loader = DataLoader(FramePairs(500, 0), batch_size=25, shuffle=True)
val_loader = DataLoader(FramePairs(200, 1), batch_size=100)


class MotionNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.see = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU())
        self.say = nn.Linear(16 * 25, 4)

    def forward(self, x):
        return self.say(self.see(x).flatten(1))


model = MotionNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.8)


def train():
    for epoch in range(8):
        model.train()
        for picture, way in train_loader:
            optimizer.zero_grad()
            loss_fn(model(picture), way).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(p).argmax(1) == w).sum().item() for p, w in val_loader)
    print(f"val accuracy {right / 200:.3f}")


if __name__ == "__main__":
    train()
