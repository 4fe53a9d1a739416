"""Outlines lesions in noisy scans with a two-level U-Net and the soft dice score as objective.

code: none
trait: the loss is minus the dice score (always negative); sigmoid inside the loss; in-place ReLUs
"""
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(360)


class Scans(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(16.), torch.arange(16.), indexing="ij")
        c = 4 + 8 * torch.rand(n, 2, 1, 1, generator=g)
        r = 2 + 2 * torch.rand(n, 1, 1, generator=g)
        self.mask = (((yy - c[:, 0]) ** 2 + (xx - c[:, 1]) ** 2) < r**2).float()[:, None]
        tissue = torch.randn(n, 1, 16, 16, generator=g)
        self.scan = (2.0 * self.mask - 0.22 + tissue) / 1.18

    def __len__(self):
        return len(self.mask)

    def __getitem__(self, i):
        return {"scan": self.scan[i], "mask": self.mask[i]}


def double(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
                         nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, w=8):
        super().__init__()
        self.inc, self.down, self.low = double(1, w), nn.MaxPool2d(2), double(w, 2 * w)
        self.up, self.dec, self.out = nn.ConvTranspose2d(2 * w, w, 2, 2), double(2 * w, w), nn.Conv2d(w, 1, 1)

    def forward(self, scan):
        a = self.inc(scan)
        b = self.low(self.down(a))
        return self.out(self.dec(torch.cat([a, self.up(b)], 1)))


class NegativeDice(nn.Module):
    def forward(self, logits, mask, smooth=1.0):
        p = torch.sigmoid(logits)
        inter = (p * mask).sum((1, 2, 3))
        return -((2 * inter + smooth) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + smooth)).mean()


train_loader = DataLoader(Scans(240, 0), batch_size=16, shuffle=True)
val_loader = DataLoader(Scans(60, 1), batch_size=30)
model = UNet()
loss_fn = NegativeDice()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["scan"]), batch["mask"])


def train():
    for epoch in range(5):
        model.train()
        scores = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["scan"]), batch["mask"])
            loss.backward()
            optimizer.step()
            scores.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(b["scan"]), b["mask"]).item() for b in val_loader) / len(val_loader)
        print(epoch, sum(scores) / len(scores), val)
    return sum(scores) / len(scores)


if __name__ == "__main__":
    print(train())
