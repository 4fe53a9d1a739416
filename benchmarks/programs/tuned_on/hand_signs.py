"""Hand signs from key points, one-cycle schedule after every batch, momentum SGD.

code: none
trait: the learning rate climbs to a high peak and ends near 0 (one-cycle), momentum is cycled as well
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)
signs = torch.randn(8, 21, 2)


def hands(n):
    which = torch.randint(0, 8, (n,))
    turn = 0.4 * torch.randn(n)
    rotation = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(n, 2, 2)
    points = signs[which] @ rotation + 0.5 * torch.randn(n, 21, 2)
    return TensorDataset(points.flatten(1) / 1.1, which)


train_loader = DataLoader(hands(640), batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(hands(160), batch_size=80)
model = nn.Sequential(nn.Linear(42, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 8))
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
EPOCHS = 10
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, epochs=EPOCHS, steps_per_epoch=len(train_loader))


def train():
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, f"{scheduler.get_last_lr()[0]:.5f}", total / len(train_loader), hits / 160)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
