"""Sort plankton by form (round, rod, ring, twin) on small microscope pictures, with noise as augmentation.

code: ND608
also: ND110
object: AddNoise | noise | std | sigma | randn_like
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(40)
SIZE = 16
ROWS, COLS = torch.meshgrid(torch.arange(SIZE).float(), torch.arange(SIZE).float(), indexing="ij")


def blob(cy, cx, sy, sx):
    return torch.exp(-((ROWS - cy) / sy) ** 2 - ((COLS - cx) / sx) ** 2)


def draw(form):
    cy, cx = (torch.rand(2) * 4 + 6).tolist()
    if form == 0:
        return blob(cy, cx, 3, 3)
    if form == 1:
        return blob(cy, cx, 1.2, 5)
    if form == 2:
        return (blob(cy, cx, 4, 4) - 1.2 * blob(cy, cx, 2.2, 2.2)).clamp(min=0)
    return (blob(cy - 3, cx, 1.6, 1.6) + blob(cy + 3, cx, 1.6, 1.6)).clamp(max=1)


class Plankton(Dataset):
    def __init__(self, n):
        self.form = torch.randint(0, 4, (n,))
        self.picture = torch.stack([draw(int(f)) for f in self.form])[:, None]
        self.picture = self.picture + 0.05 * torch.randn_like(self.picture)  # camera noise

    def __len__(self):
        return len(self.form)

    def __getitem__(self, i):
        return self.picture[i], self.form[i]


class AddNoise(nn.Module):
    """Gaussian noise while training; nothing in eval mode."""

    def __init__(self, std):
        super().__init__()
        self.std = std

    def forward(self, x):
        return x + self.std * torch.randn_like(x) if self.training else x  # here


train_loader = DataLoader(Plankton(800), batch_size=40, shuffle=True)
val_loader = DataLoader(Plankton(200), batch_size=100)

model = nn.Sequential(
    AddNoise(std=12.0),  # fault
    # fixed: AddNoise(std=0.05),
    nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.ReLU(),
    nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.ReLU(),
    nn.Flatten(), nn.Linear(24 * 16, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        for picture, form in train_loader:
            optimizer.zero_grad()
            loss_fn(model(picture), form).backward()
            optimizer.step()
    model.eval()
    hits = 0
    with torch.no_grad():
        for picture, form in val_loader:
            hits += (model(picture).argmax(1) == form).sum().item()
    print("sorted right", hits / 200)


if __name__ == "__main__":
    train()
