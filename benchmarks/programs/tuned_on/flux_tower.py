"""Gap filling of half-hourly net ecosystem exchange from the last day of meteorology.

code: ND607
also:
object: optimizer | weight_decay
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

cfg = dict(
    window=24,
    hidden=32,
    batch_size=32,
    lr=3e-3,
    weight_decay=0.1,  # fault
    # fixed: weight_decay=1e-5,
    epochs=8,
)


class Tower(Dataset):
    """Radiation, temperature, VPD and friction velocity; NEE follows light and warmth."""

    def __init__(self, days, seed):
        rng = np.random.default_rng(seed)
        h = np.arange(days * 24)
        sun = np.clip(np.sin((h % 24 - 6) / 12 * np.pi), 0, None) * rng.uniform(0.4, 1.0, days).repeat(24)
        temp = 12 + 6 * np.sin((h % 24 - 9) / 12 * np.pi) + np.convolve(rng.normal(0, 1.5, len(h)), np.ones(12) / 12, "same") * 3
        vpd = np.exp(0.06 * temp) * (0.4 + 0.6 * sun) + rng.normal(0, 0.1, len(h))
        ustar = rng.gamma(4, 0.1, len(h))
        nee = -18 * sun / (sun + 0.35) + 1.5 * np.exp(0.07 * (temp - 10)) + 0.8 * vpd + rng.normal(0, 0.8, len(h))
        met = np.stack([(sun - 0.22) / 0.3, (temp - 12) / 5.0, (vpd - 1.4) / 0.8, (ustar - 0.4) / 0.2], 1)
        self.met = torch.tensor(met, dtype=torch.float32)
        self.nee = torch.tensor((nee + 2.5) / 6.5, dtype=torch.float32)

    def __len__(self):
        return len(self.nee) - cfg["window"] + 1

    def __getitem__(self, i):
        j = i + cfg["window"]
        return self.met[i:j], self.nee[j - 1:j]


class GapFiller(nn.Module):
    def __init__(self, n_met=4, hidden=cfg["hidden"]):
        super().__init__()
        self.lstm = nn.LSTM(n_met, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, met):
        seq, _ = self.lstm(met)
        return self.out(seq[:, -1])


torch.manual_seed(1)
train_set, val_set = Tower(36, 10), Tower(10, 11)   # two different summers
train_loader = DataLoader(train_set, batch_size=cfg["batch_size"], shuffle=True, drop_last=True)
val_loader = DataLoader(val_set, batch_size=64)
model = GapFiller()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=cfg["lr"], weight_decay=cfg["weight_decay"])  # here


def train():
    for epoch in range(cfg["epochs"]):
        model.train()
        running = []
        for met, nee in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(met), nee)
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        model.eval()
        sq = n = 0
        with torch.no_grad():
            for met, nee in val_loader:
                sq += ((model(met) - nee) ** 2).sum().item()
                n += len(nee)
        print(f"{epoch}: train {np.mean(running):.4f} val {sq / n:.4f}")
    return float(np.mean(running))


if __name__ == "__main__":
    print(train())
