"""Count the pips on a photographed die (1 to 6) with a small convolutional network.

code: ND110
also: ND114 | ND111
object: to_input | transform | DiceFaces | img | astype | train_loader | val_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

PIPS = {1: [4], 2: [0, 8], 3: [0, 4, 8], 4: [0, 2, 6, 8], 5: [0, 2, 4, 6, 8], 6: [0, 2, 3, 5, 6, 8]}
rng = np.random.default_rng(66)


def photograph(face):
    img = np.full((15, 15), rng.uniform(190, 230))
    top, left = rng.integers(0, 3, 2)
    for spot in PIPS[face]:
        r, c = top + 1 + 4 * (spot // 3), left + 1 + 4 * (spot % 3)
        img[r:r + 3, c:c + 3] = rng.uniform(20, 70)
    return (img + rng.normal(0, 15, img.shape)).clip(0, 255).astype(np.uint8)


def to_input(img):
    """Grey values 0..255 to a 1 x H x W float tensor around zero."""
    img = (img / 256).astype(int)  # fault
    # fixed: img = img / 256
    return torch.from_numpy((img - 0.6) / 0.3).float().unsqueeze(0)


class DiceFaces(Dataset):
    def __init__(self, faces, transform):
        self.faces = faces
        self.images = [photograph(f) for f in faces]
        self.transform = transform

    def __len__(self):
        return len(self.faces)

    def __getitem__(self, i):
        return self.transform(self.images[i]), int(self.faces[i]) - 1  # here


torch.manual_seed(66)
train_loader = DataLoader(DiceFaces(rng.integers(1, 7, 600), to_input), batch_size=30, shuffle=True)  # here
val_loader = DataLoader(DiceFaces(rng.integers(1, 7, 180), to_input), batch_size=90)  # here

model = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(),
    nn.Linear(16 * 4 * 4, 6),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        for img, face in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), face)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(img).argmax(1) == face).sum().item() for img, face in val_loader)
    print(f"loss {loss.item():.3f} accuracy {right / 180:.3f}")


if __name__ == "__main__":
    train()
