"""Footfall of a shopping mall, the next quarter of an hour, with a GRU.

code: ND605
also: ND704
object: optimizer | lr | LEARNING_RATE
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

LEARNING_RATE = 1e-5  # fault
# fixed: LEARNING_RATE = 5e-2
BATCH_SIZE = 32
EPOCHS = 4
WINDOW = 16


def footfall(n=3600, seed=14):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    day = np.clip(np.sin(2 * np.pi * (t % 96 - 36) / 96), 0, None)
    weekly = 1 + 0.4 * np.sin(2 * np.pi * t / 672)
    return (day * weekly + 0.05 * rng.standard_normal(n)).astype(np.float32)


class FootfallWindows(Dataset):
    def __init__(self, values, step):
        self.values = torch.from_numpy(values)
        self.index = np.arange(0, len(values) - WINDOW, step)

    def __len__(self):
        return len(self.index)

    def __getitem__(self, k):
        i = self.index[k]
        return self.values[i: i + WINDOW].unsqueeze(-1), self.values[i + WINDOW].unsqueeze(-1)


class GRUForecaster(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(input_size=1, hidden_size=hidden, batch_first=True)
        self.linear = nn.Linear(hidden, 1)

    def forward(self, x):
        _, h = self.gru(x)
        return self.linear(h[-1])


torch.manual_seed(14)
values = footfall()
values = (values - values[:2900].mean()) / values[:2900].std()
train_loader = DataLoader(FootfallWindows(values[:2900], 2), batch_size=BATCH_SIZE, shuffle=True)
val_loader = DataLoader(FootfallWindows(values[2900:], 2), batch_size=128)

model = GRUForecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9)  # here


def train():
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()  # here
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = torch.cat([(model(x) - y) ** 2 for x, y in val_loader]).mean()
        print(f"epoch {epoch + 1}/{EPOCHS} train {np.mean(losses):.4f} val {val:.4f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
