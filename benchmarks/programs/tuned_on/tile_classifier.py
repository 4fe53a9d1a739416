"""Digits on worn tiles: shifts, erasing and noise as augmentation, then a plain ConvNet.

code: ND110
also: ND106
object: val_loader | val_set | transform | Augment | random_split
seen: checkup
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


class Augment:
    def __init__(self, seed):
        self.g = torch.Generator().manual_seed(seed)

    def __call__(self, x):
        dy, dx = torch.randint(-1, 2, (2,), generator=self.g).tolist()
        x = torch.roll(x, (dy, dx), (-2, -1)).clone()
        r, c = torch.randint(0, 6, (2,), generator=self.g).tolist()
        x[..., r:r + 3, c:c + 3] = -0.8
        return x + 0.35 * torch.randn(x.shape, generator=self.g)


class Tiles(Dataset):
    def __init__(self, transform=None):
        d = load_digits()
        self.x = ((torch.from_numpy(d.images) - 4.9) / 6.0).float()[:, None]
        self.y, self.transform = torch.from_numpy(d.target), transform

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        return (self.transform(x) if self.transform else x), self.y[i]


tiles = Tiles(transform=Augment(0))  # here
cut = torch.randperm(len(tiles), generator=torch.Generator().manual_seed(5)).tolist()
train_loader = DataLoader(Subset(tiles, cut[:1300]), batch_size=52, shuffle=True)
val_set = Subset(tiles, cut[1300:])  # fault
# fixed: val_set = Subset(Tiles(), cut[1300:])
val_loader = DataLoader(val_set, batch_size=128)  # here

torch.manual_seed(5)


class TileNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.conv = nn.ModuleList([nn.Conv2d(1, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)])
        self.norm = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        self.fc = nn.Linear(width * 4, 10)

    def forward(self, x):
        for conv, norm in zip(self.conv, self.norm):
            x = nn.functional.max_pool2d(nn.functional.relu(norm(conv(x))), 2)
        return self.fc(x.flatten(1))


model = TileNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.3)


def validate():
    model.eval()
    with torch.no_grad():
        pairs = [(model(x).argmax(1), y) for x, y in val_loader]
    return torch.cat([p == y for p, y in pairs]).float().mean().item()


def train():
    accs = []
    for epoch in range(6):
        model.train()
        mean = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            mean += loss.item() / len(train_loader)
        scheduler.step()
        accs.append(round(validate(), 3))
    print("validation accuracy", accs)
    return mean


if __name__ == "__main__":
    print(train())
