"""Grades rice grains on a conveyor; augmentation done in the data set, loaded by two workers.

code: ND109
also:
object: GrainDataset | train_ds | train_loader | rng
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, get_worker_info


def make_grains(n, seed):
    g = np.random.default_rng(seed)
    grade = g.integers(0, 3, n)
    yy, xx = np.mgrid[-1:1:14j, -1:1:14j]
    images = []
    for k in grade:
        width = (0.2, 0.35, 0.5)[k] + 0.03 * g.standard_normal()
        images.append(np.exp(-(xx / 0.8) ** 2 - (yy / width) ** 2) + 0.1 * g.standard_normal(xx.shape))
    images = np.stack(images).astype(np.float32)
    return (images - 0.3) / 0.33, grade


class GrainDataset(Dataset):
    """Grains with random flips, shifts and sensor noise."""

    def __init__(self, images, grades, augment=False, seed=0):
        self.images, self.grades, self.augment = images, grades, augment
        self.rng = np.random.default_rng(seed)  # here

    def __len__(self):
        return len(self.grades)

    def _augment(self, img):
        if self.rng.random() < 0.5:  # here
            img = img[:, ::-1]
        img = np.roll(img, self.rng.integers(-2, 3), axis=1)
        return img + self.rng.normal(0, 0.1, img.shape)  # here

    def __getitem__(self, i):
        img = self.images[i]
        if self.augment:
            img = self._augment(img)  # here
        return torch.tensor(img.copy(), dtype=torch.float32)[None], int(self.grades[i])


def seed_worker(worker_id):
    info = get_worker_info()
    info.dataset.rng = np.random.default_rng(info.seed)


torch.manual_seed(0)
train_ds = GrainDataset(*make_grains(400, 1), augment=True)  # here
val_ds = GrainDataset(*make_grains(120, 2))
train_loader = DataLoader(train_ds, batch_size=40, shuffle=True, num_workers=2)  # fault
# fixed: train_loader = DataLoader(train_ds, batch_size=40, shuffle=True, num_workers=2, worker_init_fn=seed_worker)
val_loader = DataLoader(val_ds, batch_size=60)

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
    nn.Flatten(), nn.Linear(64, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


@torch.no_grad()
def accuracy(loader):
    model.eval()
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return right / len(loader.dataset)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        accuracy(val_loader)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train(), accuracy(val_loader))
