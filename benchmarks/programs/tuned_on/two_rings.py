"""Inner or outer ring? The classical toy picture with noise.

code: ND704
also: ND705
object: model | Linear | history
seen: watch
"""
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)


def rings(n):
    outer = (torch.rand(n) < 0.5).float()
    angle = torch.rand(n) * 6.2832
    radius = 0.6 + 0.9 * outer + 0.12 * torch.randn(n)
    return TensorDataset(torch.stack([radius * angle.cos(), radius * angle.sin()], 1), outer)


train_loader = DataLoader(rings(800), batch_size=20, shuffle=True)
val_loader = DataLoader(rings(200), batch_size=100)
model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))  # fault
# fixed: model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)


def train():
    curve = []
    for epoch in range(12):
        model.train()
        total = 0.0
        for xy, outer in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xy), outer)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        curve.append(total / len(train_loader))
        model.eval()
        with torch.no_grad():
            acc = sum(((model(xy) > 0).float() == outer).sum().item() for xy, outer in val_loader) / 200
        print(epoch, round(curve[-1], 4), acc)
    return curve[-1]


if __name__ == "__main__":
    print(train())
