"""Mark the lake in small aerial pictures: a tiny fully convolutional net, pixel by pixel.

code: ND110
also: ND104
object: LakeTiles | flip | mask | augment | __getitem__ | train_set | train_loader | tile
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

S = 20
g = torch.Generator().manual_seed(17)
row, col = torch.meshgrid(torch.arange(S), torch.arange(S), indexing="ij")


def aerial():
    cy, cx = (torch.rand(2, generator=g) * S).tolist()
    ry, rx = (4 + 5 * torch.rand(2, generator=g)).tolist()
    mask = (((row - cy) / ry) ** 2 + ((col - cx) / rx) ** 2 < 1).float()
    tile = 1.2 * (1 - mask) - 0.8 + 0.6 * torch.randn(S, S, generator=g)
    return tile.unsqueeze(0), mask.unsqueeze(0)


class LakeTiles(Dataset):
    def __init__(self, count, augment=False):
        self.pairs = [aerial() for _ in range(count)]
        self.augment = augment

    def __len__(self):
        return len(self.pairs)

    def random_flip(self, picture):
        if torch.rand(1).item() < 0.5:
            picture = picture.flip(-1)
        if torch.rand(1).item() < 0.5:
            picture = picture.flip(-2)
        return picture

    def __getitem__(self, i):
        tile, mask = self.pairs[i]
        if self.augment:
            tile, mask = self.random_flip(tile), self.random_flip(mask)  # fault
            # fixed: tile, mask = self.random_flip(torch.stack([tile, mask]))
        return tile, mask  # here


torch.manual_seed(17)
train_set = LakeTiles(160, augment=True)  # here
val_set = LakeTiles(60)
train_loader = DataLoader(train_set, batch_size=10, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=30)

model = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(),
    nn.Conv2d(8, 8, 5, padding=2), nn.ReLU(),
    nn.Conv2d(8, 1, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def iou():
    model.eval()
    inter = union = 0
    with torch.no_grad():
        for tile, mask in val_loader:
            lake = model(tile) > 0
            inter += (lake & (mask > 0.5)).sum().item()
            union += (lake | (mask > 0.5)).sum().item()
    return inter / union


def train():
    for epoch in range(10):
        model.train()
        for tile, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(tile), mask)
            loss.backward()
            optimizer.step()
    print(f"loss {loss.item():.3f} validation IoU {iou():.3f}")


if __name__ == "__main__":
    train()
