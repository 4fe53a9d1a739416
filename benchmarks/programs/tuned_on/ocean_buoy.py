"""Wave period from buoy accelerations; two loader workers, and a dataset that owns its numpy generator.

code: none
trait: the dataset owns a generator that workers would copy, but worker_init_fn gives every worker (and every epoch) a new one from the worker's seed
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, get_worker_info


class Buoy(Dataset):
    def __init__(self, n, seed, noise=0.0):
        rng = np.random.default_rng(seed)
        self.period = rng.uniform(4, 12, n)
        t = np.arange(64) / 2.0
        self.waves = np.sin(2 * np.pi * t / self.period[:, None] + rng.uniform(0, 6.28, (n, 1))) + 0.2 * rng.normal(size=(n, 64))
        self.noise = noise
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return len(self.period)

    def __getitem__(self, i):
        wave = self.waves[i]
        if self.noise:
            wave = np.roll(wave, self.rng.integers(64)) * self.rng.choice([-1, 1]) + self.noise * self.rng.normal(size=64)
        return torch.tensor(wave / 0.75, dtype=torch.float32)[None], torch.tensor([(self.period[i] - 8) / 2.3], dtype=torch.float32)


def fresh_generator(worker_id):
    info = get_worker_info()
    info.dataset.rng = np.random.default_rng(info.seed)


class PeriodNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, 9, padding=4, padding_mode="circular")
        self.conv2 = nn.Conv1d(16, 24, 9, padding=4, stride=2)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        return self.out(torch.relu(self.conv2(x)).mean(-1))


torch.manual_seed(0)
train_loader = DataLoader(Buoy(600, 1, noise=0.2), batch_size=30, shuffle=True, num_workers=2, worker_init_fn=fresh_generator)
val_loader = DataLoader(Buoy(150, 2), batch_size=75)
model = PeriodNet()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(5):
        losses = []
        for wave, period in train_loader:
            loss = loss_fn(model(wave), period)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, np.mean(losses))
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
