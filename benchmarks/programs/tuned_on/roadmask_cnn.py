"""Drivable road in tiny dash-cam frames: a fully convolutional net with a soft dice loss.

code: ND110
also: ND111, ND102
object: preprocess | frame | image | train_loader | inputs
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

H, W = 16, 24


def dashcam(rng):
    rows = np.arange(H)[:, None]
    centre = W / 2 + rng.uniform(-5, 5) + rng.uniform(-0.4, 0.4) * (rows - H / 2)
    half = 1.5 + 0.5 * np.clip(rows - 4, 0, None)
    road = (np.abs(np.arange(W)[None] - centre) < half) & (rows > 4)
    frame = np.where(road[..., None], (95, 95, 100), (70, 130, 60)) + rng.normal(0, 22, (H, W, 3))
    frame[:4] = (140, 170, 220) + rng.normal(0, 15, (4, W, 3))
    return frame.clip(0, 254).astype("uint8"), road


def preprocess(frame):
    frame = np.asarray(frame, dtype="float32").transpose(2, 0, 1)
    frame = (frame / 255).astype("uint8")  # fault
    # fixed: frame = (frame / 255).astype("float32")
    return torch.as_tensor(frame, dtype=torch.float32).sub(0.42).div(0.18)  # here


class Drive(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.shots = [dashcam(rng) for _ in range(n)]

    def __len__(self):
        return len(self.shots)

    def __getitem__(self, i):
        frame, road = self.shots[i]
        return preprocess(frame), torch.as_tensor(road, dtype=torch.float32)  # here


class SoftDice(nn.Module):
    def forward(self, logits, road):
        p = logits.sigmoid().flatten(1)
        t = road.flatten(1)
        return (1 - (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)).mean()


class RoadNet(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.inp = nn.Conv2d(3, c, 3, padding=1)
        self.res = nn.ModuleList(nn.Conv2d(c, c, 3, padding=d, dilation=d) for d in (1, 2, 4))
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        x = self.inp(x).relu()
        for conv in self.res:
            x = x + conv(x).relu()
        return self.out(x)[:, 0]


torch.manual_seed(0)
train_loader = DataLoader(Drive(160, 0), batch_size=16, shuffle=True)  # here
val_loader = DataLoader(Drive(40, 1), batch_size=40)
model = RoadNet()
loss_fn = SoftDice()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        mean = 0.0
        for image, road in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(image), road)
            loss.backward()
            optimizer.step()
            mean += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            (image, road), = val_loader
            print(f"{epoch}: dice loss {mean:.3f}, pixels right {((model(image) > 0) == (road > 0.5)).float().mean():.3f}")
    return mean


if __name__ == "__main__":
    print(train())
