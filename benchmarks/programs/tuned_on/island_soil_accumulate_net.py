"""Soil types of an island from pollen counts, with accumulated batches.

code: ND602
also: ND603
object: ACCUMULATE | optimizer | step
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(90)
KINDS, PLANTS = 4, 18
mix = torch.distributions.Gamma(torch.full((KINDS, PLANTS), 0.6), 1.0).sample()
soil = torch.randint(0, KINDS, (900,))
counts = torch.poisson(12 * mix[soil] + 3 * torch.rand(900, PLANTS))
x = torch.log1p(counts)
x = (x - x[:700].mean(0)) / x[:700].std(0)

train_loader = DataLoader(TensorDataset(x[:700], soil[:700]), batch_size=14, shuffle=True)
val_loader = DataLoader(TensorDataset(x[700:], soil[700:]), batch_size=50)

ACCUMULATE = 64  # fault
# fixed: ACCUMULATE = 2


class PollenNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(PLANTS, 24)
        self.outer = nn.Linear(24, KINDS)

    def forward(self, x):
        return self.outer(nn.functional.elu(self.inner(x)))


model = PollenNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(12):
        model.train()
        optimizer.zero_grad()
        for i, (a, b) in enumerate(train_loader):
            loss = loss_fn(model(a), b) / ACCUMULATE
            loss.backward()
            if (i + 1) % ACCUMULATE == 0:  # here
                optimizer.step()  # here
                optimizer.zero_grad()
    model.eval()
    right = 0
    with torch.no_grad():
        for a, b in val_loader:
            right += (model(a).argmax(1) == b).sum().item()
    print(f"val acc {right / 200:.3f} loss {loss.item() * ACCUMULATE:.3f}")


if __name__ == "__main__":
    train()
