"""Circle, bar or cross in a noisy frame; fresh noise in training, the same exam at every validation.

code: none
trait: the validation set seeds its generator with the index, so it repeats exactly; training draws anew
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(68)
S = 12
yy, xx = torch.meshgrid(torch.arange(S), torch.arange(S), indexing="ij")


def paint(kind, g):
    cy, cx = torch.randint(3, S - 3, (2,), generator=g).tolist()
    dy, dx = (yy - cy).abs(), (xx - cx).abs()
    if kind == 0:
        shape = ((dy ** 2 + dx ** 2) <= 6).float()
    elif kind == 1:
        shape = ((dy <= 1) & (dx <= 3)).float()
    else:
        shape = (((dy == 0) & (dx <= 3)) | ((dx == 0) & (dy <= 3))).float()
    return (shape + 0.25 * torch.randn(S, S, generator=g)).unsqueeze(0)


class Shapes(Dataset):
    def __init__(self, n, exam):
        self.n, self.exam = n, exam

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        g = torch.Generator().manual_seed(10_000 + i) if self.exam else None
        return paint(i % 3, g), i % 3


train_loader = DataLoader(Shapes(480, exam=False), batch_size=30, shuffle=True)
val_loader = DataLoader(Shapes(150, exam=True), batch_size=150)
model = nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.Conv2d(16, 16, 5, padding=2), nn.ReLU(),
                      nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(7):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        print("val accuracy %.3f" % (model(x).argmax(1) == y).float().mean().item())


if __name__ == "__main__":
    train()
