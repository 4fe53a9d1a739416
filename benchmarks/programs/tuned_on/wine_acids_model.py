"""Bitterness of a wine from twelve acids; a net whose weights are held small by an L1 penalty.

code: ND704
also: ND607
object: l1 | penalty | Regularised
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(71)
acids = torch.randn(1500, 12)
bitter = acids[:, 0] * acids[:, 1] + torch.sin(2 * acids[:, 2]) + 0.7 * acids[:, 3] - 0.5 * acids[:, 4]
bitter = (bitter / bitter.std() + 0.05 * torch.randn(1500)).unsqueeze(1)
train_loader = DataLoader(TensorDataset(acids[:1200], bitter[:1200]), batch_size=48, shuffle=True)
val_loader = DataLoader(TensorDataset(acids[1200:], bitter[1200:]), batch_size=150)
model = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 1))


class Regularised:
    def __init__(self, net, l1):
        self.net, self.l1 = net, l1

    def __call__(self, out, y):
        fit = (out - y).pow(2).mean()
        penalty = sum(m.weight.abs().sum() for m in self.net if isinstance(m, nn.Linear))
        return fit + self.l1 * penalty  # here


loss_fn = Regularised(model, l1=0.05)  # fault
# fixed: loss_fn = Regularised(model, l1=2e-5)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
history = []


def train():
    for epoch in range(20):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            history.append(sum((model(a) - b).pow(2).mean().item() for a, b in val_loader) / len(val_loader))
    print("validation mse", round(history[-1], 3))


if __name__ == "__main__":
    train()
