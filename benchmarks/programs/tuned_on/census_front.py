"""Hours in employment from raw census columns; the network scales its own input.

code: none
trait: raw columns on wildly different scales (years, income, counts), but a BatchNorm1d without affine is the first layer
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(26)


def people(n):
    age = 18 + 50 * torch.rand(n)
    children = torch.poisson(torch.full((n,), 1.2))
    capital = 40_000 + 12_000 * torch.randn(n)
    commute = 35 + 10 * torch.randn(n)
    union = torch.bernoulli(torch.full((n,), 0.4))
    hours = 38 - 0.01 * (age - 43) ** 2 - 1.5 * children + 2e-4 * (capital - 40_000) - 0.08 * commute + 2 * union + torch.randn(n)
    return torch.stack([age, children, capital, commute, union], 1), ((hours - 31.0) / 5.0).unsqueeze(1)


x, y = people(1600)
train_loader = DataLoader(TensorDataset(x[:1280], y[:1280]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1280:], y[1280:]), batch_size=320)


class SelfScaling(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.BatchNorm1d(5, affine=False)
        self.h1 = nn.Linear(5, 32)
        self.h2 = nn.Linear(32, 32)
        self.y = nn.Linear(32, 1)

    def forward(self, raw):
        z = self.scale(raw)
        return self.y(torch.relu(self.h2(torch.relu(self.h1(z)))))


model = SelfScaling()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        mean = 0.0
        for a, b in train_loader:
            loss = loss_fn(model(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            mean += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(a), b).item() for a, b in val_loader]
    return mean


if __name__ == "__main__":
    print(train())
