"""Sorting boards: counts as sound, knotty or split, from 20x20 grey tiles.

code: ND702
also:
object: model.eval | eval | model.train | validate
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


def board(kind, gen):
    yy, xx = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
    wave = torch.rand((), generator=gen) * 6
    img = 0.5 * torch.sin(xx * 0.9 + wave + 0.15 * yy) + 0.5 * torch.randn(20, 20, generator=gen)
    if kind == 1:
        cy, cx = torch.randint(5, 15, (2,), generator=gen)
        img = img - 1.8 * torch.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 10)
    if kind == 2:
        c = torch.randint(3, 17, (), generator=gen)
        img = img - 1.2 * ((xx - c - 0.1 * yy).abs() < 1)
    return img[None]


class Boards(Dataset):
    def __init__(self, n, seed):
        gen = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 3, (n,), generator=gen)
        self.x = torch.stack([board(int(k), gen) for k in self.y])

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))


torch.manual_seed(9)
model = nn.Sequential(conv(1, 16), conv(16, 32), nn.Flatten(), nn.Dropout(0.4), nn.Linear(32 * 25, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train_loader = DataLoader(Boards(320, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Boards(120, 1), batch_size=60)


def validate():
    model.eval()  # here
    loss, hits = 0.0, 0
    with torch.no_grad():
        for x, y in val_loader:
            out = model(x)
            loss += loss_fn(out, y).item() * len(y)
            hits += (out.argmax(1) == y).sum().item()
    return loss / 120, hits / 120


def train(epochs=8):
    model.train()  # fault
    # fixed:
    for epoch in range(epochs):
        total = 0.0  # fault
        # fixed: model.train()
        # fixed: total = 0.0
        for x, y in train_loader:  # here
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        val_loss, val_acc = validate()  # here
        print(f"epoch {epoch}  train {total / len(train_loader):.4f}  val {val_loss:.4f}  acc {val_acc:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
