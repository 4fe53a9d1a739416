"""Species of bats from sonagrams; lazy layers find their sizes on a first dry run.

code: none
trait: lazy modules, materialised before the optimizer is made; an unequal last batch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(12)


def calls(n):
    species = torch.randint(0, 3, (n,))
    t = torch.linspace(0, 1, 20)
    start, stop = torch.tensor([12.0, 12.0, 4.0])[species], torch.tensor([3.0, 10.0, 12.0])[species]
    line = start[:, None] + (stop - start)[:, None] * t + 0.4 * torch.randn(n, 1)
    bins = torch.arange(16.0).view(1, 16, 1)
    picture = torch.exp(-(bins - line.unsqueeze(1)) ** 2 / 2) + 0.25 * torch.randn(n, 16, 20)
    return TensorDataset((picture.unsqueeze(1) - 0.15) / 0.36, species)


model = nn.Sequential(
    nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.MaxPool2d(2),
    nn.LazyConv2d(12, 3), nn.LazyBatchNorm2d(), nn.ReLU(),
    nn.Flatten(), nn.LazyLinear(24), nn.ReLU(), nn.LazyLinear(3))
train_loader = DataLoader(calls(330), batch_size=32, shuffle=True)
val_loader = DataLoader(calls(90), batch_size=32)
with torch.no_grad():
    model(next(iter(train_loader))[0])
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(5):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, total / 330, hits / 90)
    return total / 330


if __name__ == "__main__":
    print(train())
