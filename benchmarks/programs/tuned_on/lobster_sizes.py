"""Carapace length from trap measurements, fitted with a closure.

code: ND602
also: ND501
object: closure | optimizer | backward
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(43)
trap = torch.randn(400, 5)
length = trap[:, 0] * .7 + torch.tanh(trap[:, 1] * 2) - .3 * trap[:, 2] ** 2 + .3
length = length + .05 * torch.randn(400)


class Size(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(5, 30), nn.Linear(30, 1)

    def forward(self, x):
        return self.b(torch.tanh(self.a(x))).flatten()


train_loader = DataLoader(TensorDataset(trap[:320], length[:320]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(trap[320:], length[320:]), batch_size=80)
model, loss_fn = Size(), nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=.05, momentum=.9)


def make_closure(x, y):
    def closure():
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        return loss  # fault
        # fixed: loss.backward()
        # fixed: return loss
    return closure


def train():
    for epoch in range(30):
        model.train()
        losses = [optimizer.step(make_closure(x, y)).item() for x, y in train_loader]  # here
        model.eval()
        with torch.no_grad():
            rmse = sum(loss_fn(model(x), y).item() for x, y in val_loader) ** .5
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
