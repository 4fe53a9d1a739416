"""Outlines wounds on skin photographs with a small U-shaped network (dice + cross-entropy).

code: ND206
also: ND501, ND204
object: up2 | up2.weight | up2.bias | up1
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


def photographs(n, seed):
    g = torch.Generator().manual_seed(seed)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 24), torch.linspace(-1, 1, 24), indexing="ij")
    c = torch.rand(n, 2, 1, 1, generator=g) - 0.5
    r = 0.25 + 0.25 * torch.rand(n, 2, 1, 1, generator=g)
    mask = (((xx - c[:, 0]) / r[:, 0]) ** 2 + ((yy - c[:, 1]) / r[:, 1]) ** 2 < 1).float()
    skin = torch.tensor([0.6, 0.1, 0.0]).view(1, 3, 1, 1) + 0.2 * torch.randn(n, 3, 1, 1, generator=g)
    red = torch.tensor([0.7, -0.8, -0.5]).view(1, 3, 1, 1)
    img = skin + red * mask[:, None] + 0.7 * torch.randn(n, 3, 24, 24, generator=g)
    img = (img - img.mean((0, 2, 3), keepdim=True)) / img.std((0, 2, 3), keepdim=True)
    return torch.utils.data.TensorDataset(img, mask[:, None])


def block(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.down0 = block(3, c)
        self.down1 = block(c, c)
        self.down2 = block(c, c)
        self.up1 = nn.ConvTranspose2d(c, c, 2, stride=2)
        self.merge1 = block(2 * c, c)
        self.up2 = nn.ConvTranspose2d(c, c, 2, stride=2)  # here
        self.merge2 = block(2 * c, c)
        self.mask = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        s0 = self.down0(x)
        s1 = self.down1(F.max_pool2d(s0, 2))
        h = self.down2(F.max_pool2d(s1, 2))
        h = self.merge1(torch.cat([self.up1(h), s1], 1))
        h = self.merge2(torch.cat([self.up1(h), s0], 1))  # fault
        # fixed: h = self.merge2(torch.cat([self.up2(h), s0], 1))
        return self.mask(h)


class DiceBCE(nn.Module):
    def forward(self, logits, mask):
        p = torch.sigmoid(logits)
        dice = 1 - (2 * (p * mask).sum((1, 2, 3)) + 1) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)
        return F.binary_cross_entropy_with_logits(logits, mask) + dice.mean()


torch.manual_seed(40)
train_loader = torch.utils.data.DataLoader(photographs(240, 1), batch_size=16, shuffle=True)
val_loader = torch.utils.data.DataLoader(photographs(48, 2), batch_size=24)
model = UNet()
loss_fn = DiceBCE()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(5):
        model.train()
        s = 0.0
        for img, mask in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), mask)
            loss.backward()
            optimizer.step()
            s += loss.item()
        model.eval()
        with torch.no_grad():
            iou = []
            for img, mask in val_loader:
                p = model(img) > 0
                m = mask > 0.5
                iou.append(((p & m).sum((1, 2, 3)) / (p | m).sum((1, 2, 3)).clamp(min=1)).mean().item())
    return s / len(train_loader)


if __name__ == "__main__":
    print(train())
