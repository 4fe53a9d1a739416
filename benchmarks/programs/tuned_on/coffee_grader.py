"""Grades of coffee from near-infrared spectra, batch-normalised layers and SGD.

code: ND607
also:
object: optimizer | weight_decay
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def spectra(n, bands=40):
    grade = torch.randint(0, 5, (n,))
    wavelength = torch.linspace(0, 1, bands)
    bump = torch.exp(-((wavelength - 0.15 - 0.17 * grade.unsqueeze(1)) / 0.08) ** 2)
    curve = bump * (0.7 + 0.6 * torch.rand(n, 1)) + 0.15 * torch.randn(n, bands)
    return (curve - 0.14) / 0.3, grade


torch.manual_seed(7)
train_loader = DataLoader(TensorDataset(*spectra(640)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*spectra(160)), batch_size=80)

model = nn.Sequential()
width = 40
for i, out in enumerate([48, 24]):
    model.add_module(f"linear{i}", nn.Linear(width, out))
    model.add_module(f"norm{i}", nn.BatchNorm1d(out))
    model.add_module(f"act{i}", nn.ReLU())
    width = out
model.add_module("head", nn.Linear(width, 5))

loss_fn = nn.CrossEntropyLoss()
matrices = [p for p in model.parameters() if p.ndim > 1]
vectors = [p for p in model.parameters() if p.ndim == 1]
optimizer = torch.optim.SGD([{"params": matrices}, {"params": vectors}], lr=0.05, momentum=0.9, weight_decay=2.0)  # fault
# fixed: optimizer = torch.optim.SGD([{"params": matrices, "weight_decay": 1e-4}, {"params": vectors}], lr=0.05, momentum=0.9)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        model.eval()
        with torch.no_grad():
            correct = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, round(total / 640, 4), correct / 160)
    return total / 640


if __name__ == "__main__":
    print(train())
