"""Marks cracks, a few pixels in each road picture, with a small fully convolutional net.

code: ND107
also:
object: pos_weight | loss_fn | crack | share | masks
seen: both
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(37)
S = 20


class Road(Dataset):
    def __init__(self, n):
        self.masks = torch.zeros(n, 1, S, S)
        for k in range(n):
            row, slope = torch.randint(4, S - 4, (1,)).item(), (torch.rand(1).item() - 0.5)
            begin = torch.randint(0, S - 8, (1,)).item()
            for c in range(begin, begin + 8):
                self.masks[k, 0, min(S - 1, max(0, int(row + slope * (c - begin)))), c] = 1
        self.images = 0.9 * torch.randn(n, 1, S, S) - 1.5 * self.masks

    def __len__(self):
        return len(self.images)

    def __getitem__(self, k):
        return self.images[k], self.masks[k]


train_set = Road(160)
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(Road(60), batch_size=60)
crack = train_set.masks.mean().item()
pos_weight = torch.tensor(crack / (1 - crack))  # fault
# fixed: pos_weight = torch.tensor((1 - crack) / crack)

model = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(),
    nn.Conv2d(8, 8, 5, padding=2), nn.ReLU(),
    nn.Conv2d(8, 1, 1))
loss_fn = nn.BCEWithLogitsLoss(pos_weight=pos_weight)  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(10):
        model.train()
        for image, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(image), mask)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        image, mask = next(iter(val_loader))
        found = model(image) > 0
        t = mask > 0
        recall, quiet = found[t].float().mean().item(), (~found[~t]).float().mean().item()
    print(f"cracks found {recall:.3f}, road left alone {quiet:.3f}, balanced {(recall + quiet) / 2:.3f}")


if __name__ == "__main__":
    train()
