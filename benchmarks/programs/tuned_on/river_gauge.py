"""River level six steps ahead from windows of a gauge and a rain series.

code: ND105
also:
object: val_loader | val_set | order | windows | GaugeWindows
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

torch.manual_seed(2)
rng = np.random.default_rng(2)

STEPS, WINDOW, AHEAD = 1500, 32, 6
rain = np.zeros(STEPS)
level = np.zeros(STEPS)
for t in range(1, STEPS):
    rain[t] = 0.7 * rain[t - 1] + 0.7 * rng.normal()
    level[t] = 0.7 * level[t - 1] + 0.3 * rain[max(t - 8, 0)] + 0.05 * rng.normal()
series = np.stack([rain, level], 1)
series = (series - series[:1000].mean(0)) / series[:1000].std(0)


class GaugeWindows(Dataset):
    def __init__(self, series):
        self.series = torch.tensor(series, dtype=torch.float32)

    def __len__(self):
        return len(self.series) - WINDOW - AHEAD

    def __getitem__(self, i):
        return self.series[i:i + WINDOW], self.series[i + WINDOW + AHEAD - 1, 1:]


windows = GaugeWindows(series)
order = rng.permutation(len(windows))  # fault
# fixed: order = np.delete(np.arange(len(windows)), slice(1000, 1000 + WINDOW + AHEAD))
train_set, val_set = Subset(windows, order[:1000].tolist()), Subset(windows, order[1000:].tolist())  # here
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=100)  # here


class LevelGRU(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.rnn = nn.GRU(2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, window):
        states, _ = self.rnn(window)
        return self.out(states[:, -1])


model = LevelGRU()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for window, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(window), target)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            rmse = torch.cat([(model(w) - t) ** 2 for w, t in val_loader]).mean().sqrt().item()
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
