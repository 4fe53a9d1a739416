"""Sorts screws on the belt by head type (five folders of camera crops).

code: ND108
also:
object: train_loader | sampler | train_set
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

TYPES = ["hex", "pan", "flat", "torx", "cross"]


def draw(kind, generator):
    image = 0.15 * torch.randn(16, 16, generator=generator)
    dy, dx = torch.randint(-2, 3, (2,), generator=generator).tolist()
    yy, xx = torch.meshgrid(torch.arange(16) - 7.5 - dy, torch.arange(16) - 7.5 - dx, indexing="ij")
    r = (yy ** 2 + xx ** 2).sqrt()
    if kind == "hex":
        image += ((yy.abs() < 4) & ((xx.abs() + 0.5 * yy.abs()) < 5)).float()
    elif kind == "pan":
        image += (r < 4.5).float() * (1 - r / 9)
    elif kind == "flat":
        image += (r < 4.5).float() - (yy.abs() < 1).float()
    elif kind == "torx":
        image += ((r < 3 + 1.5 * torch.cos(6 * torch.atan2(yy, xx)))).float()
    else:
        image += (((yy.abs() < 1) | (xx.abs() < 1)) & (r < 5)).float()
    return image[None]


class FolderOfCrops(Dataset):
    """Walks the type folders one after the other, as ImageFolder does."""

    def __init__(self, per_type, seed):
        generator = torch.Generator().manual_seed(seed)
        self.samples = []
        for label, kind in enumerate(TYPES):
            for _ in range(per_type):
                self.samples.append(((draw(kind, generator) - 0.2) / 0.4, label))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


torch.manual_seed(3)
train_set = FolderOfCrops(per_type=160, seed=1)  # here
test_set = FolderOfCrops(per_type=40, seed=2)
train_loader = DataLoader(train_set, batch_size=32, num_workers=0)  # fault
# fixed: train_loader = DataLoader(train_set, batch_size=32, shuffle=True, num_workers=0)
val_loader = DataLoader(test_set, batch_size=100, num_workers=0)

model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(24 * 4 * 4, 48), nn.ReLU(), nn.Linear(48, len(TYPES)),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def test():
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in val_loader:
            correct += (model(images).argmax(1) == labels).sum().item()
    return 100.0 * correct / len(test_set)


def train(epochs=6):
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0.0
        for i, (images, labels) in enumerate(train_loader):  # here
            optimizer.zero_grad()
            loss = loss_fn(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print("Epoch: %d  Loss: %.4f  Accuracy: %.1f%%" % (epoch, total / len(train_loader), test()))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
