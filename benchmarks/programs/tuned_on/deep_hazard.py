"""DeepSurv-like survival model on a simulated breast-cancer cohort.

code: ND405
also:
object: cox_loss | loss_fn | partial_likelihood
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Cohort(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        age = rng.normal(0, 1, n)
        size = rng.normal(0, 1, n)
        nodes = rng.normal(0, 1, n)
        er = rng.integers(0, 2, n) * 2.0 - 1
        noise = rng.normal(0, 1, (n, 3))
        risk = 0.8 * nodes + 0.5 * size ** 2 - 0.6 * er + 0.3 * age * nodes
        t = rng.exponential(np.exp(-risk))
        c = rng.exponential(2.5, n)
        self.x = torch.tensor(np.column_stack([age, size, nodes, er, noise]), dtype=torch.float32)
        self.target = torch.tensor(np.column_stack([np.minimum(t, c), t <= c]), dtype=torch.float32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.target[i]


def cox_loss(log_risk, target):
    """Breslow partial likelihood over the batch as risk set."""
    time, event = target.unbind(1)
    order = time.argsort(descending=True)
    log_risk, event = log_risk[order], event[order]
    partial_likelihood = log_risk - torch.logcumsumexp(log_risk, 0)
    return (partial_likelihood * event).sum() / event.sum().clamp(min=1)  # fault
    # fixed: return -(partial_likelihood * event).sum() / event.sum().clamp(min=1)


def concordance(log_risk, target):
    time, event = target.unbind(1)
    comparable = (time[:, None] < time[None, :]) & (event[:, None] == 1)
    return ((log_risk[:, None] > log_risk[None, :]) & comparable).sum() / comparable.sum()


class DeepSurv(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n, 32), nn.SELU(), nn.Linear(32, 32), nn.SELU(), nn.Linear(32, 1, bias=False))

    def forward(self, x):
        return self.net(x).squeeze(-1)


torch.manual_seed(10)
train_loader = DataLoader(Cohort(960, 0), batch_size=96, shuffle=True, drop_last=True)
val_loader = DataLoader(Cohort(300, 1), batch_size=300)
model = DeepSurv(7)
loss_fn = cox_loss
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-3)


def train(epochs=12):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), target)  # here
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            x, target = next(iter(val_loader))
            print(f"epoch {epoch} loss {total:.4f} c-index {concordance(model(x), target):.3f}")
    return total


if __name__ == "__main__":
    print(train())
