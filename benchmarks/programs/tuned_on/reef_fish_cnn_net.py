"""Which of three reef fish is on the picture? A small CNN on 20x20 drawings.

code: ND604
also:
object: optimizer | lr | SGD
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(11)
torch.manual_seed(11)


def draw(kind):
    img = rng.normal(0, 0.25, (20, 20))
    cy, cx = rng.uniform(8, 12, 2)
    yy, xx = np.mgrid[:20, :20]
    body = ((yy - cy) / 4) ** 2 + ((xx - cx) / 7) ** 2 < 1
    if kind == 0:      # stripes across
        img += body * (np.sin(xx * 1.5 + rng.uniform(0, 6)) > 0)
    elif kind == 1:    # stripes along
        img += body * (np.sin(yy * 1.5 + rng.uniform(0, 6)) > 0)
    else:              # plain
        img += body * 0.5
    return img


labels = rng.integers(0, 3, 600)
images = np.stack([draw(k) for k in labels])
images = (images - images[:480].mean()) / images[:480].std()
x = torch.tensor(images, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(labels)
train_loader = DataLoader(TensorDataset(x[:480], y[:480]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(x[480:], y[480:]), batch_size=60)

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(400, 32), nn.ReLU(), nn.Linear(32, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)  # fault
# fixed: optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train():
    for epoch in range(8):
        model.train()
        for images, kinds in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(images), kinds)
            loss.backward()
            optimizer.step()  # here
        model.eval()
        with torch.no_grad():
            hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    print("val accuracy", hits / 120)


if __name__ == "__main__":
    train()
