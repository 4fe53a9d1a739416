"""Sorts bottle caps by brand from colour crops.

code: ND106
also:
object: read | Caps | val_loader | channel 0 | image
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

BRANDS = {"cola": (200, 35, 40), "lager": (190, 150, 40), "soda": (150, 60, 90), "water": (110, 120, 170), "cider": (160, 100, 35)}


def shoot(n, seed):
    r = np.random.default_rng(seed)
    which = r.integers(0, len(BRANDS), n)
    yy, xx = np.mgrid[:18, :18] - 8.5
    shots = np.empty((n, 18, 18, 3), np.uint8)
    for i, k in enumerate(which):
        rgb = np.array(list(BRANDS.values())[k]) + r.normal(0, 14, 3)
        disc = (yy ** 2 + xx ** 2 < r.uniform(5, 8) ** 2)[..., None]
        shot = np.where(disc, rgb, (90, 80, 70)) + r.normal(0, 16, (18, 18, 3))
        shots[i] = shot.clip(0, 255)
    return shots, which


def read(shot, backend="pil"):
    if backend == "cv2":
        return shot[..., ::-1]
    return shot


class Caps(Dataset):
    mean = np.array([118, 86, 74], np.float32)
    std = np.array([45, 30, 38], np.float32)

    def __init__(self, shots, which, backend="pil", augment=False):
        self.shots, self.which, self.backend, self.augment = shots, which, backend, augment

    def __len__(self):
        return len(self.which)

    def __getitem__(self, i):
        image = (read(self.shots[i], self.backend).astype(np.float32) - self.mean) / self.std
        image = torch.from_numpy(image).permute(2, 0, 1).contiguous()
        if self.augment and torch.rand(()) < 0.5:
            image = image.flip(-1)
        return image, int(self.which[i])


torch.manual_seed(0)
train_set = Caps(*shoot(480, 0), augment=True)
val_set = Caps(*shoot(120, 1), backend="cv2")  # fault
# fixed: val_set = Caps(*shoot(120, 1))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=40)  # here


class CapNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(32, len(BRANDS))

    def forward(self, x):
        return self.fc(self.pool(self.stem(x)).flatten(1))


model = CapNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def run(loader, training):
    model.train(training)
    loss_sum = right = 0
    with torch.set_grad_enabled(training):
        for x, y in loader:
            out = model(x)
            loss = loss_fn(out, y)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(y)
            right += (out.argmax(1) == y).sum().item()
    return loss_sum / len(loader.dataset), right / len(loader.dataset)


def train():
    for epoch in range(7):
        loss, _ = run(train_loader, True)
        val_loss, val_acc = run(val_loader, False)
    print("val accuracy", val_acc)
    return loss


if __name__ == "__main__":
    print(train())
