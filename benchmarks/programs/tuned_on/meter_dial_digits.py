"""Reads the digits of a water meter; pictures come as integers from 0 to 16.

code: ND110
also: ND111
object: to_unit | images | transform | x
seen: both
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(20)
bunch = load_digits()
images = torch.tensor(bunch.images).to(torch.int64)
labels = torch.tensor(bunch.target)
order = torch.randperm(len(labels))
images, labels = images[order], labels[order]


def to_unit(img):
    """Greys to the range 0 … 1."""
    return (img // 17).float()  # fault
    # fixed: return img.float() / 16


x = to_unit(images).unsqueeze(1)
train_loader = DataLoader(TensorDataset(x[:1300], labels[:1300]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1300:], labels[1300:]), batch_size=250)


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))


model = nn.Sequential(block(1, 12), block(12, 24), nn.Flatten(), nn.Linear(96, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(6):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("val accuracy %.3f" % (ok / (len(x) - 1300)))


if __name__ == "__main__":
    train()
