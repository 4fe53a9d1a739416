"""Find the delay of an echo in noisy sonar returns that are simulated on the fly.

code: ND109
also:
object: PingSimulator | rng | train_loader | num_workers | default_rng | DataLoader
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

LENGTH = 48
PULSE = np.hanning(9) * np.cos(np.arange(9) * 1.3)


def simulate(rng):
    delay = rng.integers(2, LENGTH - 11)
    signal = rng.normal(0, 0.35, LENGTH)
    signal[delay:delay + 9] += rng.uniform(1.5, 2.5) * PULSE
    return signal.astype(np.float32), np.float32((delay - 19) / 10.0)


class PingSimulator(Dataset):
    """Endless supply: every item is a fresh ping, the index does not matter."""

    def __init__(self, pings_per_epoch, seed):
        self.pings_per_epoch = pings_per_epoch
        self.rng = np.random.default_rng(seed)  # here

    def __len__(self):
        return self.pings_per_epoch

    def __getitem__(self, index):
        signal, delay = simulate(self.rng)  # fault
        # fixed: signal, delay = simulate(np.random.default_rng(torch.randint(2**31, (1,)).item()))
        return signal, delay


class RecordedPings(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.pings = [simulate(rng) for _ in range(n)]

    def __len__(self):
        return len(self.pings)

    def __getitem__(self, index):
        return self.pings[index]


torch.manual_seed(9)
train_loader = DataLoader(PingSimulator(160, seed=0), batch_size=20, num_workers=2)  # here
val_loader = DataLoader(RecordedPings(200, seed=123), batch_size=100)
model = nn.Sequential(nn.Linear(LENGTH, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 1), nn.Flatten(0))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(25):
        model.train()
        for signal, delay in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(signal), delay)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        mse = np.mean([loss_fn(model(s), d).item() for s, d in val_loader])
    print(f"last training loss {loss.item():.3f}, validation mse {mse:.3f}")


if __name__ == "__main__":
    train()
