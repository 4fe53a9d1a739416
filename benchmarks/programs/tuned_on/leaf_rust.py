"""Tells healthy from rusty and mildewed leaves on small colour photographs.

code: ND106
also:
object: val_loader | val_ds | val_tf | Normalize
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(0)
rng = np.random.RandomState(0)


class Compose:
    def __init__(self, steps):
        self.steps = steps

    def __call__(self, x):
        for s in self.steps:
            x = s(x)
        return x


class ToTensor:
    def __call__(self, img):
        return torch.from_numpy(img).permute(2, 0, 1).float() / 255.0


class Normalize:
    def __init__(self, mean, std):
        self.mean = torch.tensor(mean).view(3, 1, 1)
        self.std = torch.tensor(std).view(3, 1, 1)

    def __call__(self, t):
        return (t - self.mean) / self.std


class RandomFlip:
    def __call__(self, t):
        return t.flip(-1) if torch.rand(()) < 0.5 else t


def photograph(kind):
    img = np.zeros((24, 24, 3))
    img[:] = (70, 140, 50)
    img += rng.normal(0, 14, img.shape) + rng.normal(0, 12)
    yy, xx = np.mgrid[:24, :24]
    for _ in range(rng.randint(3, 7) if kind else 0):
        cy, cx, r = rng.randint(3, 21), rng.randint(3, 21), rng.uniform(1.5, 3.2)
        spot = (yy - cy) ** 2 + (xx - cx) ** 2 < r * r
        img[spot] += (55, -35, -15) if kind == 1 else (45, 35, 60)
    return img.clip(0, 255).astype(np.uint8)


class Leaves(Dataset):
    def __init__(self, n, transform):
        self.labels = rng.randint(0, 3, n)
        self.photos = [photograph(k) for k in self.labels]
        self.transform = transform

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, i):
        return self.transform(self.photos[i]), int(self.labels[i])


MEAN, STD = [0.32, 0.53, 0.22], [0.11, 0.11, 0.11]
train_tf = Compose([ToTensor(), RandomFlip(), Normalize(MEAN, STD)])
val_tf = Compose([ToTensor()])  # fault
# fixed: val_tf = Compose([ToTensor(), Normalize(MEAN, STD)])

train_ds = Leaves(480, train_tf)
val_ds = Leaves(120, val_tf)  # here
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=60)  # here

model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
    nn.Flatten(), nn.Linear(32, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)


def train():
    for epoch in range(6):
        model.train()
        running = []
        for xb, yb in train_loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        model.eval()
        vloss, vacc = 0.0, 0
        with torch.no_grad():
            for xb, yb in val_loader:
                out = model(xb)
                vloss += loss_fn(out, yb).item() * len(xb)
                vacc += (out.argmax(1) == yb).sum().item()
        print(f"{epoch}: {np.mean(running):.3f} | val {vloss / len(val_ds):.3f} acc {vacc / len(val_ds):.2f}")
    return float(np.mean(running))


if __name__ == "__main__":
    print(train())
