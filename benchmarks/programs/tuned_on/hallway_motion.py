"""How many people walk through the hallway?  Frame differences of a fixed camera, counted by a CNN.

code: ND111
also: ND110
object: diff | frame_difference | frames | uint8 | motion | train_loader
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

rng = np.random.default_rng(11)
H = W = 24


def film(n):
    """Pairs of frames (uint8, as the camera delivers them) and the number of walkers."""
    background = rng.integers(60, 150, (H, W))
    before = np.empty((n, H, W), np.uint8)
    after = np.empty((n, H, W), np.uint8)
    count = rng.integers(0, 4, n)
    for i in range(n):
        a, b = background.astype(float).copy(), background.astype(float).copy()
        for _ in range(count[i]):
            y, x = rng.integers(0, H - 7), rng.integers(3, W - 7)
            step = rng.choice([-3, 3])
            tone = rng.choice([20, 210])
            a[y:y + 7, x:x + 3] = tone
            b[y:y + 7, x + step:x + step + 3] = tone
        before[i] = np.clip(a + rng.normal(0, 2, a.shape), 0, 255)
        after[i] = np.clip(b + rng.normal(0, 2, b.shape), 0, 255)
    return before, after, count


def frame_difference(before, after):
    diff = np.abs(after - before)  # fault
    # fixed: diff = np.abs(after.astype(np.int16) - before.astype(np.int16))
    return diff.astype(np.float32) / 255.0


before, after, count = film(600)
motion = frame_difference(before, after)  # here
motion = torch.from_numpy(motion).unsqueeze(1)
motion = (motion - motion.mean()) / motion.std()
dataset = TensorDataset(motion, torch.from_numpy(count).float().unsqueeze(1))
train_set, val_set = random_split(dataset, [480, 120], generator=torch.Generator().manual_seed(0))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=120)

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4),
    nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)


def train():
    for epoch in range(12):
        model.train()
        seen, total = 0, 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
            seen += len(x)
        scheduler.step()
        model.eval()
        with torch.no_grad():
            mae = np.mean([(model(x) - y).abs().mean().item() for x, y in val_loader])
        print(f"epoch {epoch + 1}: train {total / seen:.4f}, val mae {mae:.3f}")
    return total / seen


if __name__ == "__main__":
    print(train())
