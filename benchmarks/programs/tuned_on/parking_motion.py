"""Counts how fast something crosses a parking lot camera: frame differences into a small CNN.

code: ND111
also: ND110
object: frames | diff | MotionPairs | train_ds | motion
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split


class MotionPairs(Dataset):
    """Two 8-bit frames 40 ms apart -> difference image, displacement in pixels (0, 1, 2 or 3)."""

    def __init__(self, n=800, size=20, seed=11):
        rs = np.random.RandomState(seed)
        self.frames = np.zeros((n, 2, size, size), dtype=np.uint8)
        self.speed = rs.randint(0, 4, size=n)
        for i in range(n):
            bg = rs.randint(70, 110) + 6 * rs.randn(size, size)
            car = rs.randint(20, 60) * rs.choice([-1, 1])
            top, left = rs.randint(2, size - 8), rs.randint(1, size - 10)
            for t in range(2):
                frame = bg + 3 * rs.randn(size, size)
                x = left + t * self.speed[i]
                frame[top:top + 5, x:x + 6] += car
                self.frames[i, t] = np.clip(frame, 0, 255)

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, i):
        prev, cur = self.frames[i]
        diff = cur - prev  # fault
        # fixed: diff = cur.astype(np.int16) - prev.astype(np.int16)
        x = torch.from_numpy(diff.astype(np.float32) / 25.0)  # here
        return x.unsqueeze(0), int(self.speed[i])


torch.manual_seed(1)
full = MotionPairs()  # here
train_ds, val_ds = random_split(full, [640, 160], generator=torch.Generator().manual_seed(5))
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=80)


class MotionNet(nn.Module):
    def __init__(self, n_out=4):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1),
        )
        self.classifier = nn.Linear(24, n_out)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


model = MotionNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def run_epoch(loader, training):
    model.train(training)
    tot, n = 0.0, 0
    with torch.set_grad_enabled(training):
        for x, y in loader:
            loss = loss_fn(model(x), y)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            tot += loss.item() * len(y)
            n += len(y)
    return tot / n


def train():
    for _ in range(8):
        tr = run_epoch(train_loader, True)
        va = run_epoch(val_loader, False)
    return tr


if __name__ == "__main__":
    print(train())
