"""Which crop grows on a field? Colour satellite tiles, stored height x width x channel.

code: ND110
also:
object: tiles | to_chw | reshape | transform
seen: both
"""
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rs = np.random.RandomState(58)
torch.manual_seed(58)


@dataclass
class Run:
    epochs: int = 8
    rate: float = 4e-3
    batch: int = 32
    side: int = 12


run = Run()
PALETTE = np.array([[0.3, 0.0, -0.3], [-0.3, 0.0, 0.3], [0.0, 0.3, -0.3], [0.0, -0.3, 0.3], [0.3, -0.3, 0.0]])


def tiles(n):
    crop = rs.randint(0, 5, n)
    light = rs.normal(0, 0.6, (n, 1, 1, 1))
    img = light + PALETTE[crop][:, None, None, :] + rs.normal(0, 1.0, (n, run.side, run.side, 3))
    return img.astype(np.float32), crop


def to_chw(img):
    batch = torch.from_numpy(img)
    return batch.reshape(len(batch), 3, run.side, run.side)  # fault
    # fixed: return batch.permute(0, 3, 1, 2).contiguous()


class Crops(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 1)
        self.body = nn.Conv2d(16, 16, 2, stride=2)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = torch.relu(self.body(x))
        return self.head(x.mean((2, 3)))


a, b = tiles(640)
va, vb = tiles(200)
train_loader = DataLoader(TensorDataset(to_chw(a), torch.tensor(b)), batch_size=run.batch, shuffle=True)
val_loader = DataLoader(TensorDataset(to_chw(va), torch.tensor(vb)), batch_size=200)
model = Crops()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=run.rate)


def train():
    for epoch in range(run.epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val accuracy %.3f" % (model(x).argmax(1) == y).float().mean().item())


if __name__ == "__main__":
    train()
