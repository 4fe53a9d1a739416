"""Did something move to the left or to the right between two frames of a camera?

code: ND111
also: ND110
object: difference | FramePairs | inputs
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class FramePairs(Dataset):
    def __init__(self, count, seed):
        rng = np.random.default_rng(seed)
        self.direction = rng.integers(0, 2, count)
        self.frames = np.zeros((count, 2, 16, 16), dtype=np.uint8)
        for k, right in enumerate(self.direction):
            row, col = rng.integers(2, 10), rng.integers(5, 8)
            level = rng.integers(90, 160)
            scene = rng.normal(level, 6, (16, 16))
            for t in range(2):
                frame = scene + rng.normal(0, 2, (16, 16))
                start = col + (3 if right else -3) * t
                frame[row:row + 4, start:start + 4] = level + rng.choice([-40, 40]) if t == 0 else block
                block = frame[row, start]
                self.frames[k, t] = frame.clip(0, 255)

    def __len__(self):
        return len(self.frames)

    def difference(self, before, after):
        return (after - before).astype(np.float32) / 32  # fault
        # fixed: return (after.astype(np.int16) - before.astype(np.int16)).astype(np.float32) / 32

    def __getitem__(self, i):
        before, after = self.frames[i]
        change = self.difference(before, after)  # here
        return torch.from_numpy(np.stack([change, (before.astype(np.float32) - 125) / 32])), int(self.direction[i])


class MotionNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(2, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                                   nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Linear(16 * 16, 2)

    def forward(self, pair):
        return self.fc(self.block(pair).flatten(1))


torch.manual_seed(15)
train_loader = DataLoader(FramePairs(480, 0), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(FramePairs(120, 1), batch_size=60)  # here
model = MotionNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for pair, way in train_loader:
            loss = loss_fn(model(pair), way)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(p).argmax(1) == w).float().mean().item() for p, w in val_loader])
        print(epoch, np.mean(losses), acc)
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
