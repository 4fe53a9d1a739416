"""Ice / no ice from a three-band satellite chip: small encoder-decoder, BCE + dice.

code: ND401
also:
object: to_mask | decoder | loss_fn | BceDice | bce
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(11)


def chips(n):
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 24), torch.linspace(-1, 1, 24), indexing="ij")
    cx, cy = torch.rand(n, 1, 1) - .5, torch.rand(n, 1, 1) - .5
    r = .35 + .3 * torch.rand(n, 1, 1)
    mask = (((xx - cx) ** 2 + (yy - cy) ** 2).sqrt() < r).float().unsqueeze(1)
    bands = mask * torch.tensor([1.4, .9, -.8]).view(1, 3, 1, 1) - .3 + .8 * torch.randn(n, 3, 24, 24)
    return bands, mask


class BceDice(nn.Module):
    """The usual Kaggle combination."""

    def __init__(self, w=.5):
        super().__init__()
        self.w = w

    def forward(self, pred, mask):
        bce = F.binary_cross_entropy_with_logits(pred, mask)  # here
        p = torch.sigmoid(pred)
        inter = (p * mask).sum((1, 2, 3))
        dice = 1 - (2 * inter + 1) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)
        return self.w * bce + (1 - self.w) * dice.mean()


def conv(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())


class IceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = conv(3, 8), conv(8, 16)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.merge = conv(16, 8)
        self.to_mask = nn.Sequential(
            nn.Conv2d(8, 1, 1),
            nn.Sigmoid(),  # fault
            # fixed:
        )

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        return self.to_mask(self.merge(torch.cat([self.up(b), a], 1)))  # here


train_loader = DataLoader(TensorDataset(*chips(96)), 16, shuffle=True)
val_loader = DataLoader(TensorDataset(*chips(32)), 16)
model = IceNet()
loss_fn = BceDice()  # here
optimizer = torch.optim.AdamW(model.parameters(), 4e-3)


def train():
    last = None
    for epoch in range(5):
        model.train()
        run = 0.
        for x, m in train_loader:
            loss = loss_fn(model(x), m)  # here
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            run += loss.item()
        last = run / len(train_loader)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), m).item() for x, m in val_loader) / len(val_loader)
    return last


if __name__ == "__main__":
    print(train())
