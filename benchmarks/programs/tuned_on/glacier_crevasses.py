"""Outline crevasses in drone pictures of a glacier: a little encoder-decoder, trained with flips.

code: ND110
also: ND104
object: FlippedPatches | __getitem__ | flip | patch | mask | train_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(28)


def survey(n, seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:24, 0:24]
    masks = np.zeros((n, 1, 24, 24), dtype=np.float32)
    for i in range(n):
        for _ in range(rng.integers(1, 3)):
            slope, start, length = rng.uniform(-0.8, 0.8), rng.uniform(4, 20), rng.uniform(10, 20)
            near = np.abs(y - start - slope * (x - 12)) < rng.uniform(1.5, 3)
            masks[i, 0][near & (np.abs(x - rng.uniform(6, 18)) < length / 2)] = 1
    patches = 0.5 - 1.4 * masks + rng.normal(0, 0.6, masks.shape)
    return torch.tensor(patches, dtype=torch.float32), torch.from_numpy(masks)


class FlippedPatches(Dataset):
    """Patches and masks; with augment, half of them are mirrored left-right, half top-bottom."""

    def __init__(self, patches, masks, augment):
        self.patches, self.masks, self.augment = patches, masks, augment

    def __len__(self):
        return len(self.patches)

    def __getitem__(self, i):
        patch, mask = self.patches[i], self.masks[i]
        if self.augment:
            axes = [axis for axis in (1, 2) if torch.rand(()) < 0.5]
            patch = patch.flip(axes)  # fault
            # fixed: patch, mask = patch.flip(axes), mask.flip(axes)
        return patch, mask


class CrevasseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(),
                                  nn.Conv2d(12, 16, 3, stride=2, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(16, 12, 2, stride=2)
        self.out = nn.Conv2d(13, 1, 3, padding=1)

    def forward(self, x):
        h = torch.relu(self.up(self.down(x)))
        return self.out(torch.cat([h, x], dim=1))


train_loader = DataLoader(FlippedPatches(*survey(240, 0), augment=True), batch_size=16, shuffle=True)
val_loader = DataLoader(FlippedPatches(*survey(60, 1), augment=False), batch_size=30)
model = CrevasseNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for epoch in range(7):
        model.train()
        for patch, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(patch), mask)
            loss.backward()
            optimizer.step()
    model.eval()
    both = either = 0
    with torch.no_grad():
        for patch, mask in val_loader:
            guess, truth = model(patch) > 0, mask > 0.5
            both += (guess & truth).sum().item()
            either += (guess | truth).sum().item()
    print(f"train loss {loss.item():.3f}, val IoU {both / either:.3f}")


if __name__ == "__main__":
    train()
