"""Square, bar or cross? Pictures from a dash camera on day and night drives.

code: ND115
also:
object: drives | night | pictures | val_mask | train_loader | val_loader
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(37)
torch.manual_seed(37)
N, SIDE = 900, 14


def picture(shape, is_night):
    img = np.zeros((SIDE, SIDE))
    r, c = rng.integers(1, 7, 2)
    if shape == 0:
        img[r:r + 6, c:c + 6] = 1
    elif shape == 1:
        img[r + 2:r + 4, c:c + 6] = 1
    else:
        img[r + 2:r + 4, c:c + 6] = 1
        img[r:r + 6, c + 2:c + 4] = 1
    sky = 0.9 - 0.6 * img if not is_night else 0.05 + 0.5 * img   # dark sign on sky, lit sign on black
    return sky + 0.08 * rng.normal(size=img.shape)


shapes = rng.integers(0, 3, N)
night = np.arange(N) % 3 == 0
pictures = np.stack([picture(s, k) for s, k in zip(shapes, night)])
val_mask = night  # fault
# fixed: val_mask = rng.random(N) < 1 / 3
level, spread = pictures[~val_mask].mean(), pictures[~val_mask].std()
images = torch.tensor((pictures - level) / spread).float().unsqueeze(1)
labels = torch.tensor(shapes)
mask = torch.tensor(val_mask)
train_loader = DataLoader(TensorDataset(images[~mask], labels[~mask]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(images[mask], labels[mask]), batch_size=400)

model = nn.Sequential(
    nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3), nn.ReLU(),
    nn.Flatten(), nn.Linear(24 * 16, 3),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for _ in range(8):
        model.train()
        for image, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(image), label)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        image, label = next(iter(val_loader))
        print("val accuracy", (model(image).argmax(1) == label).float().mean().item())


if __name__ == "__main__":
    train()
