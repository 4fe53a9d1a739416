"""Sea shells by outline; training pictures are shifted, mirrored, dimmed and get noise, validation pictures are left alone.

code: none
trait: train and validation inputs differ visibly (noise, brightness, erasing), as augmentation on one side only does
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(48)
S = 22
GRID = torch.stack(torch.meshgrid(torch.arange(S), torch.arange(S), indexing="ij")).float()


def shell(kind):
    c = 10.5 + torch.randn(2)
    d = GRID - c[:, None, None]
    r, phi = d.norm(dim=0), torch.atan2(d[0], d[1])
    if kind == 0:
        body = r < 7
    elif kind == 1:
        body = r < 5 + 2.5 * torch.cos(5 * phi + 6 * torch.rand(()))
    else:
        body = (d[0].abs() < 3) & (d[1].abs() < 8)
    return (body.float() - 0.35) / 0.48 + 0.1 * torch.randn(S, S)


def augment(img):
    img = torch.roll(img, tuple(torch.randint(-2, 3, (2,)).tolist()), (0, 1))
    if torch.rand(()) < 0.5:
        img = img.flip(1)
    img = img * (0.75 + 0.5 * torch.rand(())) + 0.25 * torch.randn(())
    if torch.rand(()) < 0.4:
        y, x = torch.randint(0, S - 5, (2,)).tolist()
        img[y:y + 5, x:x + 5] = 0
    return img + 0.2 * torch.randn(S, S)


class Shells(Dataset):
    def __init__(self, n, transform=None):
        self.kind = torch.randint(0, 3, (n,))
        self.img = torch.stack([shell(int(k)) for k in self.kind])
        self.transform = transform

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        img = self.img[i].clone()
        if self.transform is not None:
            img = self.transform(img)
        return img[None], self.kind[i]


train_loader = DataLoader(Shells(480, augment), batch_size=32, shuffle=True)
val_loader = DataLoader(Shells(150), batch_size=75)
model = nn.Sequential(nn.Conv2d(1, 12, 5, stride=2), nn.ReLU(), nn.Conv2d(12, 24, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(216, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 150
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
