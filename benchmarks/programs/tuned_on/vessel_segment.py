"""Thin vessels in fundus crops: fully convolutional net and a soft Dice criterion.

code: ND405
also: ND404
object: loss_fn | DiceLoss | SoftDice | criterion | dice
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(62)
SIDE = 28


def fundus(n):
    yy, xx = torch.meshgrid(torch.arange(SIDE).float(), torch.arange(SIDE).float(), indexing="ij")
    masks = torch.zeros(n, SIDE, SIDE)
    for k in range(n):
        for _ in range(2):
            a, b = (torch.rand(()) - 0.5) * 2, torch.rand(()) * SIDE
            curve = a * (xx - SIDE / 2) + b + 2 * torch.sin(xx / 4 + 6 * torch.rand(()))
            masks[k] = torch.maximum(masks[k], ((yy - curve).abs() < 1.4).float())
    images = 0.5 - 0.25 * masks + 0.1 * torch.randn(n, SIDE, SIDE) + 0.1 * torch.rand(n, 1, 1)
    return images.unsqueeze(1), masks.unsqueeze(1)


x, m = fundus(300)
x = (x - x[:240].mean()) / x[:240].std()
train_loader = DataLoader(TensorDataset(x[:240], m[:240]), batch_size=12, shuffle=True)
val_loader = DataLoader(TensorDataset(x[240:], m[240:]), batch_size=30)


class SoftDice(nn.Module):
    def __init__(self, smooth=1.0):
        super().__init__()
        self.smooth = smooth

    def forward(self, logits, target):
        p = torch.sigmoid(logits).flatten(1)
        t = target.flatten(1)
        inter = (p * t).sum(1)
        dice = (2 * inter + self.smooth) / (p.sum(1) + t.sum(1) + self.smooth)
        return dice.mean()  # fault
        # fixed: return 1 - dice.mean()


class VesselNet(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.body = nn.ModuleList([nn.Sequential(nn.GroupNorm(3, width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)) for _ in range(2)])
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        x = self.stem(x)
        for layer in self.body:
            x = x + layer(x)
        return self.head(x)


model = VesselNet()
loss_fn = SoftDice()  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


@torch.no_grad()
def hard_dice():
    model.eval()
    num = den = 0.0
    for img, mask in val_loader:
        p = (model(img) > 0).float()
        num += 2 * (p * mask).sum().item()
        den += (p.sum() + mask.sum()).item()
    return num / den


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        hist = []
        for img, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), mask)  # here
            loss.backward()
            optimizer.step()
            hist.append(loss.item())
        print(f"epoch {epoch} loss {sum(hist) / len(hist):.4f} val dice {hard_dice():.4f}")
    return sum(hist) / len(hist)


if __name__ == "__main__":
    print(train())
