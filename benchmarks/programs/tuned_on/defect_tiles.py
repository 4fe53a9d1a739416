"""Scratch segmentation on ceramic tiles: encoder-decoder with a focal loss.

code: ND401
also:
object: sigmoid | decode | focal | loss_fn | up
seen: checkup
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Tiles(Dataset):
    def __init__(self, n, seed):
        self.n, self.seed = n, seed

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        g = torch.Generator().manual_seed(self.seed * 10007 + i)
        tile = 0.4 * torch.randn(1, 24, 24, generator=g)
        mask = torch.zeros(1, 24, 24)
        r0, c0 = torch.randint(2, 16, (2,), generator=g).tolist()
        k = int(torch.randint(4, 8, (1,), generator=g))
        if torch.rand(1, generator=g) < 0.5:
            mask[:, r0:r0 + 2, c0:c0 + k] = 1
        else:
            mask[:, r0:r0 + k, c0:c0 + 2] = 1
        return tile + 1.8 * mask, mask


class TileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 12, 3, padding=1)
        self.down = nn.Conv2d(12, 24, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(24, 12, 2, stride=2)
        self.last = nn.Conv2d(24, 1, 1)

    def decode(self, low, skip):
        x = torch.cat([F.relu(self.up(low)), skip], 1)
        return torch.sigmoid(self.last(x))  # fault
        # fixed: return self.last(x)

    def forward(self, tile):
        skip = F.relu(self.stem(tile))
        return self.decode(F.relu(self.down(skip)), skip)  # here


def focal(scores, mask, alpha=0.75, gamma=2.0):
    ce = F.binary_cross_entropy_with_logits(scores, mask, reduction="none")  # here
    p = torch.sigmoid(scores)
    pt = p * mask + (1 - p) * (1 - mask)
    at = alpha * mask + (1 - alpha) * (1 - mask)
    return (at * (1 - pt) ** gamma * ce).mean()


torch.manual_seed(7)
model = TileNet()
loss_fn = focal  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(Tiles(256, 1), batch_size=16, shuffle=True)
val_loader = DataLoader(Tiles(64, 2), batch_size=32)


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        losses = []
        for tile, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(tile), mask)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [loss_fn(model(t), m).item() for t, m in val_loader]
        print(epoch, sum(losses) / len(losses), sum(val) / len(val))
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
