"""Daily pollen grains per cubic metre from weather: Poisson regression.

code: ND402
also:
object: loss_fn | PoissonNLLLoss | Rate | rate | make_loss
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(2)
days = 900
weather = rng.normal(size=(days, 5)).astype("float32")       # temperature, wind, rain, humidity, sun: z-scores
log_rate = 1.2 + .6 * weather[:, 0] + .3 * weather[:, 1] - .5 * weather[:, 2] * (weather[:, 3] > 0) + .2 * weather[:, 4]
grains = rng.poisson(np.exp(np.clip(log_rate, -3, 3))).astype("float32")
perm = rng.permutation(days)
tr, va = perm[:720], perm[720:]


def loader(idx, shuffle):
    return DataLoader(TensorDataset(torch.from_numpy(weather[idx]), torch.from_numpy(grains[idx])), batch_size=60, shuffle=shuffle)


class Rate(nn.Module):
    """Expected count, always positive."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, x):
        return nn.functional.softplus(self.net(x)).squeeze(-1)  # here


def make_loss(kind):
    if kind == "poisson":
        return nn.PoissonNLLLoss(full=False)  # fault
        # fixed: return nn.PoissonNLLLoss(log_input=False, full=False)
    return nn.MSELoss()


torch.manual_seed(1)
train_loader, val_loader = loader(tr, True), loader(va, False)
model = Rate()
loss_fn = make_loss("poisson")  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(15):
        model.train()
        seen = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        model.eval()
        with torch.no_grad():
            mae = np.mean([(model(x) - y).abs().mean().item() for x, y in val_loader])
    train.mae = mae
    return float(np.mean(seen))


if __name__ == "__main__":
    print(train(), train.mae)
