"""Good, fair or scrap: coating quality over two process settings, which winds around the optimum.

code: ND704
also:
object: model | hidden | 0 | 2
seen: watch
"""
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(99)
n_per_class, classes = 400, 3
hidden = 3  # fault
# fixed: hidden = 64

points, quality = [], []
for k in range(classes):
    r = torch.linspace(0.15, 1, n_per_class)
    angle = 2 * math.pi * k / classes + 4.5 * r + 0.15 * torch.randn(n_per_class)
    points.append(torch.stack([r * torch.cos(angle), r * torch.sin(angle)], 1))
    quality.append(torch.full((n_per_class,), k))
points = torch.cat(points) / 0.45
quality = torch.cat(quality)

train_set, val_set = random_split(TensorDataset(points, quality), [960, 240])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=240)

model = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, classes))  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def epoch_of(loader, learn):
    model.train(learn)
    loss_sum, hits, seen = 0.0, 0, 0
    with torch.set_grad_enabled(learn):
        for x, y in loader:
            out = model(x)
            loss = loss_fn(out, y)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(y)
            hits += (out.argmax(1) == y).sum().item()
            seen += len(y)
    return loss_sum / seen, hits / seen


def train(epochs=24):
    for epoch in range(epochs):
        loss, accuracy = epoch_of(train_loader, True)  # here
        val_loss, val_accuracy = epoch_of(val_loader, False)
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1}: loss {loss:.3f} acc {accuracy:.3f} | val loss {val_loss:.3f} acc {val_accuracy:.3f}")
    return loss


if __name__ == "__main__":
    print(train())
