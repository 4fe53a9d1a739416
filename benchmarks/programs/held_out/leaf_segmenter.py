"""Segments leaves (discs) from a noisy background, with accumulated gradients for a small memory.

code: ND602
also: ND603
object: ACCUMULATE | optimizer | optimizer.step
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

ACCUMULATE = 32  # fault
# fixed: ACCUMULATE = 2


class Leaves(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        grid = torch.linspace(-1, 1, 16)
        yy, xx = torch.meshgrid(grid, grid, indexing="ij")
        c = torch.rand(n, 2, 1, 1, generator=g) - 0.5
        r = 0.3 + 0.3 * torch.rand(n, 1, 1, generator=g)
        self.mask = (((xx - c[:, 0]) ** 2 + (yy - c[:, 1]) ** 2) < r ** 2).float().unsqueeze(1)
        self.image = (self.mask - 0.3) * 1.5 + 0.6 * torch.randn(n, 1, 16, 16, generator=g)

    def __len__(self):
        return len(self.mask)

    def __getitem__(self, i):
        return self.image[i], self.mask[i]


torch.manual_seed(2)
train_loader = DataLoader(Leaves(192, 1), batch_size=8, shuffle=True)
val_loader = DataLoader(Leaves(48, 2), batch_size=16)
model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(),
    nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(),
    nn.Conv2d(12, 1, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def iou():
    model.eval()
    inter = union = 0.0
    with torch.no_grad():
        for image, mask in val_loader:
            guess = (model(image) > 0).float()
            inter += (guess * mask).sum().item()
            union += ((guess + mask) > 0).float().sum().item()
    return inter / union


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        optimizer.zero_grad()
        for step, (image, mask) in enumerate(train_loader, 1):
            loss = loss_fn(model(image), mask)
            (loss / ACCUMULATE).backward()
            if step % ACCUMULATE == 0:  # here
                optimizer.step()  # here
                optimizer.zero_grad()
            total += loss.item()
        print(epoch, total / len(train_loader), iou())
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
