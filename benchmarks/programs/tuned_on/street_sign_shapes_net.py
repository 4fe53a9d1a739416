"""Tell five painted street-sign shapes apart on 20x20 pictures.

code: ND605
also:
object: optimizer | lr | Adadelta
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(8)
gen = np.random.default_rng(8)
yy, xx = np.mgrid[0:20, 0:20]


def paint(kind):
    cy, cx = gen.uniform(8, 12, 2)
    r = gen.uniform(4.5, 7)
    dy, dx = yy - cy, xx - cx
    inside = {
        0: dy**2 + dx**2 < r**2,
        1: np.maximum(abs(dy), abs(dx)) < r * 0.85,
        2: abs(dy) + abs(dx) < r * 1.1,
        3: (dy < r * 0.7) & (dy > 1.8 * abs(dx) - r),
        4: (abs(dy) < r * 0.3) | (abs(dx) < r * 0.3),
    }[kind]
    picture = inside * gen.uniform(0.6, 1.0) + gen.normal(0, 0.15, (20, 20))
    return picture.astype(np.float32)


def build(n):
    kinds = gen.integers(0, 5, n)
    pictures = np.stack([paint(int(k)) for k in kinds])[:, None]
    return TensorDataset(torch.from_numpy((pictures - 0.3) / 0.4), torch.from_numpy(kinds))


class SignNet(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classify = nn.Linear(2 * width * 25, 5)

    def forward(self, picture):
        return self.classify(self.features(picture).flatten(1))


train_loader = DataLoader(build(1000), batch_size=50, shuffle=True)
val_loader = DataLoader(build(250), batch_size=125)
model = SignNet()
loss_fn = nn.CrossEntropyLoss()
# the rate that always worked with Adam
optimizer = torch.optim.Adadelta(model.parameters(), lr=1e-3)  # fault
# fixed: optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)


def train():
    for epoch in range(6):
        model.train()
        seen = total = 0
        for picture, kind in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(picture), kind)
            loss.backward()
            optimizer.step()  # here
            total += loss.item() * len(kind)
            seen += len(kind)
    print(f"last epoch's loss {total / seen:.3f}")


if __name__ == "__main__":
    train()
