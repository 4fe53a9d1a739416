"""Hot-spot segmentation in thermal frames: encoder-decoder with BCE + dice.

code: ND110
also:
object: RandomFlip | ThermalFrames | flip | mask | __getitem__
seen: checkup
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class RandomFlip:
    def __init__(self, p=0.5, axis=-1):
        self.p, self.axis = p, axis

    def __call__(self, *tensors):
        if random.random() < self.p:
            tensors = tuple(t.flip(self.axis) for t in tensors)
        return tensors if len(tensors) > 1 else tensors[0]


class ThermalFrames(Dataset):
    SIZE = 24

    def __init__(self, count, seed, transforms=()):
        gen = torch.Generator().manual_seed(seed)
        self.transforms = transforms
        yy, xx = torch.meshgrid(torch.arange(self.SIZE), torch.arange(self.SIZE), indexing="ij")
        self.frames, self.masks = [], []
        for _ in range(count):
            heat = 0.8 * torch.randn(self.SIZE, self.SIZE, generator=gen)
            mask = torch.zeros(self.SIZE, self.SIZE)
            for _ in range(2):
                cy, cx = torch.randint(4, self.SIZE - 4, (2,), generator=gen)
                r = torch.randint(3, 5, (1,), generator=gen)
                spot = ((yy - cy) ** 2 + (xx - cx) ** 2) <= r ** 2
                heat = heat + 2.5 * spot
                mask = torch.maximum(mask, spot.float())
            self.frames.append(((heat - 0.35) / 1.2)[None])
            self.masks.append(mask[None])

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, i):
        frame, mask = self.frames[i], self.masks[i]
        for t in self.transforms:
            frame = t(frame); mask = t(mask)  # fault
            # fixed: frame, mask = t(frame, mask)
        return frame, mask


class EncoderDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.ReLU())
        self.decode = nn.Sequential(nn.ConvTranspose2d(24, 12, 2, stride=2), nn.ReLU(), nn.Conv2d(12, 1, 3, padding=1))

    def forward(self, x):
        return self.decode(self.encode(x))


class BceDice(nn.Module):
    def forward(self, logits, mask):
        p = logits.sigmoid()
        dice = 1 - (2 * (p * mask).sum() + 1) / (p.sum() + mask.sum() + 1)
        return nn.functional.binary_cross_entropy_with_logits(logits, mask) + dice


torch.manual_seed(0); random.seed(0)
train_loader = DataLoader(ThermalFrames(160, 1, [RandomFlip(), RandomFlip(axis=-2)]), batch_size=16, shuffle=True)  # here
val_loader = DataLoader(ThermalFrames(48, 2), batch_size=24)
model = EncoderDecoder()
loss_fn = BceDice()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for frame, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(frame), mask)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(f), m).item() for f, m in val_loader) / len(val_loader)
    print("val", val)
    model.train()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
