"""Gas concentrations (two targets) from a six-sensor array over time. Drift and gain jitter as augmentation.

code: ND109
also:
object: GasRuns | jitter | rng | __getitem__ | default_rng
seen: checkup
"""
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


@dataclass
class Jitter:
    gain: float = 0.10
    drift: float = 0.20

    def __call__(self, run, rng):
        gain = 1 + self.gain * rng.standard_normal((1, run.shape[1]))
        drift = np.cumsum(rng.standard_normal(run.shape), 0) * self.drift / len(run) ** 0.5
        return run * gain + drift


class GasRuns(Dataset):
    def __init__(self, runs, targets, jitter=None):
        self.runs, self.targets, self.jitter = runs, targets, jitter

    def __len__(self):
        return len(self.runs)

    def __getitem__(self, i):
        run = self.runs[i]
        if self.jitter is not None:
            rng = np.random.default_rng([2024, i])  # fault
            # fixed: rng = np.random.default_rng(torch.randint(2**31, ()).item())
            run = self.jitter(run, rng)
        return torch.tensor(run, dtype=torch.float32), torch.tensor(self.targets[i], dtype=torch.float32)


def measure(n, rng):
    conc = rng.uniform(0, 1, (n, 2))
    response = rng.uniform(0.2, 1.0, (2, 6))
    tau = np.array([4.0, 9.0])
    t = np.arange(32)[None, :, None]
    rise = 1 - np.exp(-t / tau)
    runs = (conc[:, None] * rise) @ response + 0.03 * rng.standard_normal((n, 32, 6))
    return runs, conc


all_runs, all_conc = measure(500, np.random.default_rng(8))
mu, sd = all_runs[:400].mean((0, 1)), all_runs[:400].std((0, 1))
all_runs = (all_runs - mu) / sd
all_conc = (all_conc - 0.5) / 0.29

train_loader = DataLoader(GasRuns(all_runs[:400], all_conc[:400], Jitter()), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(GasRuns(all_runs[400:], all_conc[400:]), batch_size=100)


class GasNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 32, batch_first=True)
        self.norm = nn.LayerNorm(32)
        self.out = nn.Linear(32, 2)

    def forward(self, run):
        _, (h, _) = self.lstm(run)
        return self.out(self.norm(h[-1]))


torch.manual_seed(1)
model = GasNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def train():
    for epoch in range(10):
        losses = []
        for run, conc in train_loader:
            loss = loss_fn(model(run), conc)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        run, conc = next(iter(val_loader))
        print("val", loss_fn(model(run), conc).item())
    model.train()
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
