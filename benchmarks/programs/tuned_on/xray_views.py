"""Which view is this radiograph? Few originals, so each is expanded with noisy copies.

code: ND105
also:
object: expand | images | val_x | val_loader | holdout
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

g = torch.Generator().manual_seed(40)
SIZE = 24


def originals(n):
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, SIZE), torch.linspace(-1, 1, SIZE), indexing="ij")
    views = torch.randint(0, 3, (n,), generator=g)
    out = []
    for v in views:
        cx, cy, w = 0.25 * torch.randn(3, generator=g)
        body = torch.exp(-(((xx - cx) / (.7 + .2 * w)) ** 2 + ((yy - cy) / .9) ** 2) * 2)
        if v == 0:
            body = body + .35 * torch.cos(14 * yy)
        elif v == 1:
            body = body + .35 * torch.cos(9 * yy + 6 * xx)
        out.append(body + 1.5 * torch.randn(SIZE, SIZE, generator=g))
    return torch.stack(out)[:, None], views


def expand(images, views, copies=4):
    more = [images]
    for _ in range(copies - 1):
        shift = torch.randint(-1, 2, (1,), generator=g).item()
        more.append(images.roll(shift, -1) + .1 * torch.randn(images.shape, generator=g))
    return torch.cat(more), views.repeat(copies)


images, views = originals(260)
images, views = expand(images, views)  # fault
# fixed:
picked = torch.randperm(len(images), generator=g)
holdout = int(.2 * len(images))
val_x, val_y = images[picked[:holdout]], views[picked[:holdout]]  # here
train_x, train_y = images[picked[holdout:]], views[picked[holdout:]]  # fault
# fixed: train_x, train_y = expand(images[picked[holdout:]], views[picked[holdout:]])
mu, sd = train_x.mean(), train_x.std()

torch.manual_seed(1)
train_loader = DataLoader(TensorDataset((train_x - mu) / sd, train_y), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset((val_x - mu) / sd, val_y), batch_size=64)  # here

model = nn.Sequential(
    nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.BatchNorm2d(8), nn.ReLU(),
    nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
    nn.Flatten(), nn.Dropout(.2), nn.Linear(16 * 36, 3),
)
loss_fn = nn.CrossEntropyLoss(label_smoothing=.05)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)


def validate():
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / len(val_y)


def train():
    for epoch in range(8):
        model.train()
        total = 0.
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        acc = validate()
    print("val accuracy", round(acc, 3))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
