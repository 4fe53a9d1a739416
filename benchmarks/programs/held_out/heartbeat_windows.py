"""Normal or early beats from short single-lead windows; the electrode sometimes loses contact.

code: ND101
also:
object: signal | fill_gaps | Beats | series
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

LENGTH = 96


def record(rng, early):
    t = np.arange(LENGTH)
    start = 40 + rng.integers(-4, 5) - (14 if early else 0)
    width = 3.0 + (2.0 if early else 0.0)
    beat = 2.4 * np.exp(-((t - start) / width) ** 2) - 0.7 * np.exp(-((t - start - 9) / 4) ** 2)
    signal = beat + 0.15 * rng.normal(size=LENGTH) + 0.1 * np.sin(t / 15 + rng.uniform(0, 6))
    if rng.random() < 0.12:                      # contact lost for a few samples
        gap = rng.choice([0, rng.integers(50, 80)])
        signal[gap:gap + 6] = np.nan
    return signal


def fill_gaps(signal):
    series = pd.Series(signal)
    series = series.interpolate()  # fault
    # fixed: series = series.interpolate(limit_direction="both")
    return series.to_numpy(dtype=np.float32)


class Beats(Dataset):
    def __init__(self, count, seed):
        rng = np.random.default_rng(seed)
        self.label = rng.integers(0, 2, count)
        self.wave = [fill_gaps(record(rng, bool(y))) for y in self.label]  # here

    def __len__(self):
        return len(self.label)

    def __getitem__(self, index):
        return {"signal": torch.from_numpy(self.wave[index])[None], "label": int(self.label[index])}


class BeatNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv1d(1, 12, 7, padding=3)
        self.c2 = nn.Conv1d(12, 24, 5, padding=2)
        self.out = nn.Linear(24 * 6, 2)

    def forward(self, signal):
        h = F.max_pool1d(F.relu(self.c1(signal)), 4)
        h = F.max_pool1d(F.relu(self.c2(h)), 4)
        return self.out(h.flatten(1))


torch.manual_seed(0)
train_loader = DataLoader(Beats(600, seed=1), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(Beats(200, seed=2), batch_size=50)  # here
model = BeatNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["signal"]), batch["label"])


def train():
    last = 0.0
    for _ in range(5):
        model.train()
        for batch in train_loader:
            loss = loss_fn(model(batch["signal"]), batch["label"])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            last = loss.item()
        model.eval()
        with torch.no_grad():
            hits = sum((model(b["signal"]).argmax(1) == b["label"]).sum().item() for b in val_loader)
        print(f"val accuracy {hits / 200:.3f}")
    return last


if __name__ == "__main__":
    print(train())
