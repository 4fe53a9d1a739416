"""Fuel of a ferry from wind and load: a mixture of simple experts with a learnt gate.

code: ND201
also:
object: experts | gate | deepcopy | Ferry
seen: both
"""
import copy

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(52)
sea = torch.randn(1300, 4)
tack = (sea[:, 0] > 0).long() * 2 + (sea[:, 1] > 0).long()
slopes = torch.tensor([[2.0, 1.0, -2.0, 0.0], [-2.0, 0.5, 0.0, 2.0], [0.0, -2.0, 2.0, 1.0], [1.0, 2.0, 0.0, -2.5]])
fuel = (sea * slopes[tack]).sum(1) + 0.1 * torch.randn(1300)
fuel = (fuel - fuel.mean()) / fuel.std()
fit, check = random_split(TensorDataset(sea, fuel), [1000, 300])
train_loader = DataLoader(fit, batch_size=40, shuffle=True)
val_loader = DataLoader(check, batch_size=100)


class Ferry(nn.Module):
    def __init__(self, count=8):
        super().__init__()
        first = nn.Linear(4, 1)
        self.experts = nn.ModuleList(copy.deepcopy(first) for _ in range(count))  # fault
        # fixed: self.experts = nn.ModuleList(nn.Linear(4, 1) for _ in range(count))
        self.gate = nn.Linear(4, count)
        nn.init.zeros_(self.gate.weight)  # here
        nn.init.zeros_(self.gate.bias)

    def forward(self, sea):
        share = torch.softmax(self.gate(sea), dim=1)
        said = torch.cat([e(sea) for e in self.experts], dim=1)
        return (share * said).sum(1)


model = Ferry()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def train():
    for epoch in range(20):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse %.3f" % (sum(loss_fn(model(x), y).item() for x, y in val_loader) / 3))


if __name__ == "__main__":
    train()
