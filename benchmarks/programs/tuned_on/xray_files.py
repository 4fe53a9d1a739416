"""Fracture or not: scans live in a zip-like dict, findings in the hospital's list.

code: ND104
also:
object: names | files | labels | XrayFolder | findings | train_loader | train_set
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(404)


def scan(broken):
    img = rng.normal(0.25, 0.06, (28, 28)).astype(np.float32)
    c = rng.integers(10, 18)
    img[:, c - 4:c + 4] += 0.45
    if broken:
        r = rng.integers(6, 20)
        for k in range(-6, 7):
            img[r + k // 3:r + k // 3 + 2, (c + k) % 28] -= 0.4
    return img.clip(0, 1)


findings = rng.integers(0, 2, 560)
ARCHIVE = {f"scan_{i}.png": scan(b) for i, b in enumerate(findings)}


class XrayFolder(Dataset):
    def __init__(self, archive, findings, first, last):
        names = sorted(archive)  # fault
        # fixed: names = sorted(archive, key=lambda f: int(f[5:-4]))
        self.files = [archive[n] for n in names][first:last]  # here
        self.labels = findings[first:last]  # here

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        x = (torch.from_numpy(self.files[i])[None] - 0.38) / 0.22
        return {"image": x, "label": torch.tensor(int(self.labels[i]))}  # here


train_set = XrayFolder(ARCHIVE, findings, 0, 460)  # here
val_set = XrayFolder(ARCHIVE, findings, 460, 560)  # here
train_loader = DataLoader(train_set, batch_size=23, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
torch.manual_seed(0)


class Radiologist(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 12, 5, padding=2, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 20, 3, padding=1, bias=False), nn.BatchNorm2d(20), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.verdict = nn.Linear(20, 2)

    def forward(self, image):
        return self.verdict(self.trunk(image))


model = Radiologist()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def batch_loss(setup, batch):
    return criterion(setup.model(batch["image"]), batch["label"])


class Fit:
    def __init__(self, model):
        self.model = model

    def epoch(self):
        self.model.train()
        values = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(self, batch)
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        return float(np.mean(values))

    @torch.no_grad()
    def accuracy(self):
        self.model.eval()
        return np.mean([(self.model(b["image"]).argmax(1) == b["label"]).float().mean().item() for b in val_loader])


def train():
    fit = Fit(model)
    for _ in range(6):
        last = fit.epoch()
        fit.accuracy()
    return last


if __name__ == "__main__":
    print(train())
