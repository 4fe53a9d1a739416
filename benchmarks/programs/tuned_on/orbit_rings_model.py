"""Inner, middle or outer orbit? Classify points of a disc by their ring.

code: ND704
also:
object: model | Linear | RingNet
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(81)
ring = torch.randint(0, 3, (900,))
radius = 0.6 + 0.8 * ring + 0.12 * torch.randn(900)
angle = 2 * torch.pi * torch.rand(900)
points = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)

train_loader = DataLoader(TensorDataset(points[:720], ring[:720]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(points[720:], ring[720:]), batch_size=90)
model = nn.Linear(2, 3)  # fault
# fixed: model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(12):
        model.train()
        for xy, r in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xy), r)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            tr = sum((model(a).argmax(1) == b).float().mean().item() for a, b in train_loader) / len(train_loader)
            va = sum((model(a).argmax(1) == b).float().mean().item() for a, b in val_loader) / len(val_loader)
    print(f"train {tr:.3f} val {va:.3f}")


if __name__ == "__main__":
    train()
