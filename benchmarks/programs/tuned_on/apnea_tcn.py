"""Breathing pauses in night recordings: every time step is apnea or not (temporal convolutions, multi-step output).

code: ND702
also: ND306, ND708
object: evaluate | eval | model
seen: watch
"""
import torch
from torch import nn, Tensor
from torch.utils.data import DataLoader, TensorDataset
import numpy as np

T = 48


def night(n: int, rng: np.random.Generator):
    t = np.arange(T)
    x, y = np.zeros((n, 2, T), "float32"), np.zeros((n, T), "float32")
    for i in range(n):
        breath = np.sin(t * rng.uniform(0.9, 1.2) + rng.uniform(0, 6))
        oxygen = np.zeros(T)
        if rng.random() < 0.8:
            a, w = rng.integers(6, 28), rng.integers(8, 14)
            y[i, a:a + w] = 1
            breath[a:a + w] *= 0.15
            oxygen[a + 4:a + w + 4] -= 1
        x[i] = np.stack([breath, oxygen]) + 0.35 * rng.standard_normal((2, T))
    x = (x - np.array([0, -0.2])[None, :, None]) / np.array([0.7, 0.55])[None, :, None]
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y))


class TCN(nn.Module):
    def __init__(self, width=16, p=0.5):
        super().__init__()
        self.inp = nn.Conv1d(2, width, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv1d(width, width, 3, padding=d, dilation=d), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout1d(p)) for d in (1, 2, 4))
        self.out = nn.Conv1d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inp(x)
        for block in self.blocks:
            x = x + block(x)
        return self.out(x).squeeze(1)


rng = np.random.default_rng(8)
torch.manual_seed(8)
train_loader = DataLoader(night(320, rng), batch_size=16, shuffle=True)
val_loader = DataLoader(night(96, rng), batch_size=12)
model = TCN(p=0.3)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.no_grad()
def evaluate(loader) -> float:
    losses, sizes = [], []  # fault
    # fixed: model.eval()
    # fixed: losses, sizes = [], []
    for x, y in loader:
        losses.append(loss_fn(model(x), y).item())  # here
        sizes.append(len(x))
    return float(np.average(losses, weights=sizes))


def train() -> float:
    best = float("inf")
    for epoch in range(8):
        model.train()
        running = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        best = min(best, evaluate(val_loader))  # here
    print("best validation loss", round(best, 4))
    return float(np.mean(running))


if __name__ == "__main__":
    train()
