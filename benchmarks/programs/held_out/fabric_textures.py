"""Weave patterns of fabric, with noise, crops and occlusion as augmentation.

code: ND110
also: ND106
object: val_set | val_loader | Augmented | fabrics
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


def weave(kind, g):
    y, x = np.mgrid[0:20, 0:20]
    phase = g.uniform(0, 6)
    pattern = [np.sin(x * 1.2 + phase), np.sin(y * 1.2 + phase), np.sin((x + y) * 0.9 + phase), np.sin(x * 1.2 + phase) * np.sin(y * 1.2)][kind]
    return (pattern + 1.0 * g.normal(size=(20, 20))).astype(np.float32)


class Fabrics(Dataset):
    def __init__(self, n, seed):
        g = np.random.default_rng(seed)
        self.kind = g.integers(0, 4, n)
        self.cloth = np.stack([weave(k, g) for k in self.kind])

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return torch.from_numpy(self.cloth[i])[None] / 1.2, int(self.kind[i])


class Augmented(Dataset):
    """Wraps a dataset: adds noise and occludes a random patch."""

    def __init__(self, base):
        self.base = base

    def __len__(self):
        return len(self.base)

    def __getitem__(self, i):
        x, y = self.base[i]
        x = x + 0.3 * torch.randn_like(x)
        if torch.rand(()) < 0.9:
            top, left = torch.randint(0, 6, (2,)).tolist()
            x[:, top:top + 14, left:left + 14] = 0.0
        return x, y


torch.manual_seed(23)
fabrics = Fabrics(640, 23)
order = torch.randperm(640).tolist()
train_set = Augmented(Subset(fabrics, order[:480]))
val_set = Augmented(Subset(fabrics, order[480:]))  # fault
# fixed: val_set = Subset(fabrics, order[480:])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=80)  # here

model = nn.Sequential(
    nn.Conv2d(1, 12, 5), nn.GroupNorm(4, 12), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3), nn.GroupNorm(4, 24), nn.ReLU(), nn.AdaptiveMaxPool2d(1),
    nn.Flatten(), nn.Linear(24, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=6 * 15)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / len(val_set)
        print(epoch, np.mean(losses), acc)
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
