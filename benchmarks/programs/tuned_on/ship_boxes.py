"""Finds ships on radar tiles: heat map of the centres and the size of the box (CenterNet style).

code: ND307
also: ND202, ND502, ND501
object: backbone | init_weights | stem | backbone.0 | backbone.2 | backbone.4 | ReLU | bias
seen: both
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(77)
TILE, STRIDE = 32, 4


class RadarTiles(Dataset):
    def __init__(self, n):
        self.items = [self.make() for _ in range(n)]

    @staticmethod
    def make():
        img = 0.9 * torch.randn(1, TILE, TILE)
        g = TILE // STRIDE
        heat, size, mask = torch.zeros(1, g, g), torch.zeros(2, g, g), torch.zeros(1, g, g)
        for _ in range(int(torch.randint(1, 4, ()))):
            w, h = torch.randint(3, 8, (2,)).tolist()
            y, x = int(torch.randint(0, TILE - h, ())), int(torch.randint(0, TILE - w, ()))
            img[0, y:y + h, x:x + w] += 1.8
            cy, cx = (y + h // 2) // STRIDE, (x + w // 2) // STRIDE
            heat[0, cy, cx] = 1
            mask[0, cy, cx] = 1
            size[:, cy, cx] = torch.tensor([w / 5.0, h / 5.0])
        return (img - 0.13) / 1.05, {"heat": heat, "size": size, "mask": mask}

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class CenterNet(nn.Module):
    def __init__(self, c=24):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, c, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(c, c, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(c, 2 * c, 3, padding=1), nn.ReLU(),
        )  # here
        self.heat = nn.Conv2d(2 * c, 1, 1)
        self.size = nn.Conv2d(2 * c, 2, 1)
        self.init_weights()

    def init_weights(self, prior=0.03):
        bias_value = -math.log((1 - prior) / prior)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.constant_(m.bias, bias_value)  # fault
                # fixed: nn.init.zeros_(m.bias)
        for head in (self.heat, self.size):
            nn.init.normal_(head.weight, std=0.02)
        nn.init.constant_(self.heat.bias, bias_value)
        nn.init.constant_(self.size.bias, 1.0)

    def forward(self, x):
        f = self.backbone(x)  # here
        return {"heat": self.heat(f), "size": self.size(f)}


def loss_fn(pred, target):
    p = pred["heat"].sigmoid().clamp(1e-4, 1 - 1e-4)
    pos = target["heat"] == 1
    focal = torch.where(pos, -(1 - p) ** 2 * p.log(), -p ** 2 * (1 - p).log()).sum() / pos.sum().clamp(min=1)
    l1 = (F.l1_loss(pred["size"], target["size"], reduction="none") * target["mask"]).sum() / target["mask"].sum().clamp(min=1)
    return focal + 0.1 * l1


train_loader = DataLoader(RadarTiles(256), batch_size=16, shuffle=True)
val_loader = DataLoader(RadarTiles(64), batch_size=32)
model = CenterNet()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        tr = 0.0
        for image, target in train_loader:
            loss = loss_fn(model(image), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tr += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            va = sum(loss_fn(model(i), t).item() for i, t in val_loader) / len(val_loader)
        print(f"epoch {epoch} train {tr:.3f} val {va:.3f}")
    return tr


if __name__ == "__main__":
    print(train())
