"""Forecasts tomorrow's river level from the last three weeks of levels (GRU).

code: ND302
also: ND104
object: __getitem__ | target | y | Windows | dataset
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def river(days, seed=23):
    rng = np.random.default_rng(seed)
    season = np.sin(2 * np.pi * np.arange(days) / 365.25)
    rain = rng.gamma(0.5, 1.0, days) * (rng.random(days) < 0.35 + 0.15 * season)
    level = np.zeros(days)
    for d in range(1, days):
        level[d] = 0.72 * level[d - 1] + rain[d] + 0.05 * rng.normal()
    return np.log1p(np.clip(level, 0, None)) + 0.3 * season


class Windows(Dataset):
    def __init__(self, levels, span=21):
        self.levels = torch.as_tensor(levels, dtype=torch.float32)
        self.span = span

    def __len__(self):
        return len(self.levels) - self.span

    def __getitem__(self, i):
        past = self.levels[i:i + self.span]
        target = self.levels[i + self.span - 1]  # fault
        # fixed: target = self.levels[i + self.span]
        return past.unsqueeze(-1), target  # here


class RiverGRU(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, past):
        _, h = self.gru(past)
        return self.head(h[-1]).squeeze(-1)


levels = river(2000)
cut = 1600
mu, sigma = levels[:cut].mean(), levels[:cut].std()
levels = (levels - mu) / sigma
torch.manual_seed(23)
train_loader = DataLoader(Windows(levels[:cut]), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(Windows(levels[cut:]), batch_size=128)  # here
model = RiverGRU()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for past, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(past), target)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            errors = [((model(p) - t) ** 2) for p, t in val_loader]
        print(f"epoch {epoch} train {np.mean(losses):.4f} val {torch.cat(errors).mean():.4f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
