"""Yards gained on a rushing play as a cumulative distribution (CRPS).

code: ND202
also: ND406
object: init_weights | normal_ | model.0.weight | model.2.weight | model.4.weight | net.0.weight | net.2.weight | net.4.weight | 0.weight | 2.weight | 4.weight | weight
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17)
rng = np.random.RandomState(17)

BINS = 41                        # -10 .. 30 yards
N = 1800
raw = {
    "runner_speed": rng.normal(4.2, 1.0, N),
    "runner_angle": rng.uniform(-1.5, 1.5, N),
    "defenders_in_box": rng.randint(5, 10, N).astype(float),
    "nearest_defender": rng.gamma(4, 1.1, N),
    "yard_line": rng.uniform(1, 99, N),
    "down": rng.randint(1, 5, N).astype(float),
    "distance": rng.gamma(3, 2.7, N),
    "blockers": rng.randint(4, 8, N).astype(float),
}
X = np.stack(list(raw.values()), 1)
Z = (X - X.mean(0)) / X.std(0)
yards = 4 + 1.6 * Z[:, 0] - 1.2 * Z[:, 2] + 1.9 * Z[:, 3] - 1.5 * np.abs(Z[:, 1]) + 0.8 * Z[:, 7] + rng.gumbel(0, 1.5, N)
yards = np.clip(np.round(yards), -10, 30).astype(int)
Y = (np.arange(-10, 31)[None] >= yards[:, None]).astype(np.float32)     # the step function to hit

n_train = 1440
Z = (X - X[:n_train].mean(0)) / X[:n_train].std(0)
t = lambda a: torch.as_tensor(a, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(t(Z[:n_train]), t(Y[:n_train])), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(t(Z[n_train:]), t(Y[n_train:])), batch_size=360)


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, mean=0.0, std=1.0)  # fault
        # fixed: nn.init.kaiming_normal_(m.weight, nonlinearity="linear")
        nn.init.zeros_(m.bias)


class CDFNet(nn.Module):
    def __init__(self, n_in, hidden=128):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_in, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, BINS), nn.Sigmoid())
        self.apply(init_weights)  # here

    def forward(self, x):
        return self.net(x)


def crps(cdf, target):
    return ((cdf - target) ** 2).mean()


model = CDFNet(len(raw))
loss_fn = crps
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)


def train():
    for epoch in range(10):
        model.train()
        tr = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            tr += loss.item() * len(x) / n_train
        scheduler.step()
        model.eval()
        with torch.no_grad():
            va = np.mean([loss_fn(model(x), y).item() for x, y in val_loader])
        print(f"epoch {epoch}: crps {tr:.5f} / {va:.5f}")
    return tr


if __name__ == "__main__":
    print(train())
