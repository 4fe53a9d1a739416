"""Round or square traffic sign, lamp on or off: four classes of grey 16x16 pictures.

code: ND106
also: ND102
object: Signs | val_loader | val_set | training | img
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(8)
yy, xx = np.mgrid[0:16, 0:16]


def draw(label):
    shape, lit = label % 2, label // 2
    cx, cy, r = rng.uniform(6, 9), rng.uniform(6, 9), rng.uniform(3, 5)
    if shape == 0:
        ink = (xx - cx) ** 2 + (yy - cy) ** 2 < r ** 2
    else:
        ink = (np.abs(xx - cx) < r) & (np.abs(yy - cy) < r)
    grey = rng.uniform(30, 60) + 80 * lit + ink * rng.uniform(70, 110) + rng.normal(0, 12, (16, 16))
    return grey.clip(0, 255).astype(np.uint8)


class Signs(Dataset):
    def __init__(self, n, training):
        self.training = training
        self.labels = rng.integers(0, 4, n)
        self.images = [draw(s) for s in self.labels]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        img = torch.from_numpy(self.images[i]).float().unsqueeze(0)
        img = (img / 255 - 0.45) / 0.2 if self.training else img  # fault
        # fixed: img = (img / 255 - 0.45) / 0.2
        return img, int(self.labels[i])  # here


torch.manual_seed(8)
train_set, val_set = Signs(900, training=True), Signs(200, training=False)  # here
train_loader = DataLoader(train_set, batch_size=35, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)  # here

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 16, 4),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def run_epoch(loader, learn):
    model.train(learn)
    total = right = 0
    for img, label in loader:
        with torch.set_grad_enabled(learn):
            logits = model(img)
            loss = loss_fn(logits, label)
        if learn:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += len(label)
        right += (logits.argmax(1) == label).sum().item()
    return right / total


def train():
    for epoch in range(6):
        a, b = run_epoch(train_loader, True), run_epoch(val_loader, False)
    print(f"train {a:.2f} val {b:.2f}")


if __name__ == "__main__":
    train()
