"""Which crop grows on a field? A small dense net on satellite patches.

code: ND202
also:
object: p | normal_ | weight | parameters | model
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(11)
torch.manual_seed(11)
SIDE = 10


def patch(kind):
    yy, xx = np.mgrid[:SIDE, :SIDE]
    phase = rng.uniform(0, 0.8)
    if kind == 0:
        im = np.sin(xx * 1.3 + phase)
    elif kind == 1:
        im = np.sin(yy * 1.3 + phase)
    elif kind == 2:
        im = np.sin((xx + yy) * 0.9 + phase)
    else:
        im = np.cos(np.hypot(xx - 4.5, yy - 4.5) + phase)
    return im + rng.normal(0, 1.7, im.shape)


kinds = rng.integers(0, 4, 1100)
images = torch.tensor(np.stack([patch(k) for k in kinds]), dtype=torch.float32)
images = (images - images[:800].mean()) / images[:800].std()
labels = torch.tensor(kinds)
train_loader = DataLoader(TensorDataset(images[:800], labels[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(images[800:], labels[800:]), batch_size=100)

model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(SIDE * SIDE, 128), nn.ReLU(),
    nn.Linear(128, 128), nn.ReLU(),
    nn.Linear(128, 4),
)
for p in model.parameters():
    nn.init.normal_(p)  # fault
    # fixed: nn.init.normal_(p, std=0.08)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(8):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            logits = torch.cat([model(a) for a, _ in val_loader])
            acc = (logits.argmax(1) == labels[800:]).float().mean().item()
            vl = loss_fn(logits, labels[800:]).item()
    print(f"val loss {vl:.3f} acc {acc:.3f}")


if __name__ == "__main__":
    train()
