"""Edible or poisonous: small grey photographs of mushroom caps, enlarged with augmented copies.

code: ND105
also:
object: augment | photos | enlarged | train_index | val_index | split | train_test_split | train_loader | val_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(12)


def photograph(count, seed):
    rng = np.random.default_rng(seed)
    poisonous = rng.integers(0, 2, count)
    yy, xx = np.mgrid[0:14, 0:14] - 6.5
    caps = []
    for p in poisonous:
        cap = np.exp(-(xx**2 + yy**2) / rng.uniform(25, 45))
        rings = np.sin(np.hypot(xx, yy) * rng.normal(1.75 if p else 1.15, 0.16) + rng.uniform(-0.8, 0.8))
        caps.append(cap * (1 + 0.5 * rings) + rng.normal(0, 0.6, (14, 14)))
    return np.array(caps, dtype=np.float32)[:, None], poisonous


def augment(photos, labels, copies=4):
    """Every photograph a few times more: slightly brighter or darker, a little grain."""
    rng = np.random.default_rng(0)
    out = [photos]
    for _ in range(copies):
        gain = rng.uniform(0.97, 1.03, (len(photos), 1, 1, 1))
        out.append((photos * gain + rng.normal(0, 0.02, photos.shape)).astype(np.float32))
    return np.concatenate(out), np.tile(labels, copies + 1)


def wrap(photos, labels):
    return TensorDataset(torch.from_numpy((photos - 0.25) / 0.6), torch.from_numpy(labels))


photos, labels = photograph(300, 1)
photos, labels = augment(photos, labels)  # fault
# fixed:
train_x, val_x, train_y, val_y = train_test_split(photos, labels, test_size=0.25, random_state=7)  # fault
# fixed: train_x, val_x, train_y, val_y = train_test_split(photos, labels, test_size=0.25, random_state=7)
# fixed: train_x, train_y = augment(train_x, train_y)
train_loader = DataLoader(wrap(train_x, train_y), batch_size=45, shuffle=True)
val_loader = DataLoader(wrap(val_x, val_y), batch_size=75)

model = nn.Sequential(
    nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
    nn.Flatten(), nn.Linear(32 * 49, 2),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def accuracy(loader):
    model.eval()
    with torch.no_grad():
        pairs = [(model(x).argmax(1) == y).float() for x, y in loader]
    return torch.cat(pairs).mean().item()


def train():
    for epoch in range(5):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    fresh = DataLoader(wrap(*photograph(500, 2)), batch_size=250)
    print(f"val accuracy {accuracy(val_loader):.3f}; in the wood {accuracy(fresh):.3f}")


if __name__ == "__main__":
    train()
