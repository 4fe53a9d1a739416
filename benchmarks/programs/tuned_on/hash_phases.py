"""Shaft speed from an 8-bit rotary encoder: the counter rolls over at 256.

code: none
trait: uint8 subtraction wraps on purpose (modulo-256 encoder ticks), then is read as int8
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class EncoderRuns(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.speed = rng.uniform(-50, 50, n)
        steps = self.speed[:, None] * (1 + 0.1 * np.sin(np.arange(16) / 2 + rng.uniform(0, 6, (n, 1)))) + rng.normal(0, 6, (n, 16))
        position = rng.integers(0, 256, (n, 1)) + np.cumsum(steps, 1)
        self.ticks = np.mod(np.round(position), 256).astype(np.uint8)

    def __len__(self):
        return len(self.speed)

    def __getitem__(self, i):
        ticks = self.ticks[i]
        moved = (ticks[1:] - ticks[:-1]).view(np.int8)
        return torch.tensor(moved / 30.0, dtype=torch.float32), torch.tensor([self.speed[i] / 29.0], dtype=torch.float32)


class SpeedNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.weigh = nn.Conv1d(1, 8, 5)
        self.out = nn.Linear(8, 1)

    def forward(self, moved):
        return self.out(torch.nn.functional.softplus(self.weigh(moved[:, None])).mean(-1))


torch.manual_seed(0)
train_loader = DataLoader(EncoderRuns(800, 1), batch_size=40, shuffle=True)
val_loader = DataLoader(EncoderRuns(200, 2), batch_size=100)
model = SpeedNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(6):
        losses = []
        for moved, speed in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(moved), speed)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, np.mean(losses))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
