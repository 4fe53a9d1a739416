"""Twelve toxicity assays per compound, most of them never measured (NaN), one shared trunk.

code: none
trait: targets are full of NaN, the loss masks them out
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(55)
N, D, TASKS = 1200, 40, 12

fingerprint = (torch.rand(N, D) < 0.5).float()
rules = torch.randn(D, TASKS)
active = (((fingerprint - 0.5) @ rules + 0.5 * torch.randn(N, TASKS)) > 0).float()
active[torch.rand(N, TASKS) < 0.6] = float("nan")
x = (fingerprint - 0.5) / 0.5

train_loader = DataLoader(TensorDataset(x[:960], active[:960]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(x[960:], active[960:]), batch_size=120)


class ToxNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(D, 64), nn.ELU(), nn.Dropout(0.2), nn.Linear(64, 32), nn.ELU())
        self.heads = nn.ModuleList(nn.Linear(32, 1) for _ in range(TASKS))

    def forward(self, x):
        h = self.trunk(x)
        return torch.cat([head(h) for head in self.heads], 1)


def masked_bce(logits, targets):
    known = ~torch.isnan(targets)
    return F.binary_cross_entropy_with_logits(logits[known], targets[known])


model = ToxNet()
loss_fn = masked_bce
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=10):
    for _ in range(epochs):
        model.train()
        hist = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            hist.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
    return sum(hist) / len(hist)


if __name__ == "__main__":
    print(train())
