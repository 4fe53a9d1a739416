"""Small X-ray thumbnails, normal or opaque; transforms written out because torchvision is not on the cluster.

code: ND106
also: ND102
object: val_tf | val_transform | val_loader | val_set | Normalize
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class Compose:
    def __init__(self, steps):
        self.steps = steps

    def __call__(self, x):
        for s in self.steps:
            x = s(x)
        return x


class ToTensor:
    def __call__(self, img):
        return torch.from_numpy(img).float().div(255).unsqueeze(0)


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def __call__(self, x):
        return (x - self.mean) / self.std


class RandomHorizontalFlip:
    def __call__(self, x):
        return x.flip(-1) if torch.rand(()) < 0.5 else x


def thumbnails(n, seed):
    g = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:20, 0:20]
    y = g.integers(0, 2, n)
    out = np.empty((n, 20, 20), np.uint8)
    for i in range(n):
        img = 105 - 40 * np.exp(-((xx - 5.5) ** 2 / 9 + (yy - 10) ** 2 / 40)) - 40 * np.exp(-((xx - 14.5) ** 2 / 9 + (yy - 10) ** 2 / 40))
        if y[i]:
            cx, cy = g.choice([5.5, 14.5]) + g.normal(0, .8), g.uniform(6, 14)
            img += g.uniform(20, 35) * np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / 6)
        out[i] = (img + g.normal(0, 7, img.shape)).clip(0, 255)
    return out, y


class XRays(Dataset):
    def __init__(self, arrays, transform):
        self.images, self.labels = arrays
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(self.images[i]), int(self.labels[i])


torch.manual_seed(8)
train_arrays, val_arrays = thumbnails(640, 8), thumbnails(200, 9)
MEAN, STD = train_arrays[0].mean() / 255, train_arrays[0].std() / 255
train_tf = Compose([ToTensor(), RandomHorizontalFlip(), Normalize(MEAN, STD)])
val_tf = Compose([ToTensor()])  # fault
# fixed: val_tf = Compose([ToTensor(), Normalize(MEAN, STD)])

train_set, val_set = XRays(train_arrays, train_tf), XRays(val_arrays, val_tf)  # here
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=64, shuffle=False)  # here

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(2),
    nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)


def run_epoch(loader, training):
    model.train(training)
    loss_sum = correct = seen = 0
    with torch.set_grad_enabled(training):
        for images, labels in loader:
            logits = model(images)
            loss = loss_fn(logits, labels)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(labels)
            correct += (logits.argmax(1) == labels).sum().item()
            seen += len(labels)
    return loss_sum / seen, correct / seen


def train():
    for epoch in range(6):
        tr_loss, tr_acc = run_epoch(train_loader, True)
        va_loss, va_acc = run_epoch(val_loader, False)
        scheduler.step()
        print(f"{epoch}: train {tr_loss:.3f} {tr_acc:.3f} | val {va_loss:.3f} {va_acc:.3f}")
    return tr_loss


if __name__ == "__main__":
    print(train())
