"""Dense car detector: a RetinaNet-like head, one anchor per cell, focal loss.

code: ND307
also: ND202, ND502
object: tower | head.tower | RetinaHead | head | bias
seen: both
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
S, CELL = 32, 4
G = S // CELL


def scenes(n):
    img = 0.1 * torch.randn(n, 1, S, S)
    heat = torch.zeros(n, 1, G, G)
    for i in range(n):
        for _ in range(int(torch.randint(1, 4, ()))):
            gy, gx = torch.randint(1, G - 1, (2,)).tolist()
            cy, cx = gy * CELL + 2, gx * CELL + 2
            img[i, 0, cy - 2:cy + 2, cx - 3:cx + 3] += 1.0
            heat[i, 0, gy, gx] = 1
            # poles look like cars from the side, but thinner
            py, px = torch.randint(4, S - 4, (2,)).tolist()
            img[i, 0, py - 4:py + 4, px] += 1.0
    return (img - img.mean()) / img.std(), heat


class RetinaHead(nn.Module):
    def __init__(self, c=16, depth=3, prior=0.01):
        super().__init__()
        tower = []
        for _ in range(depth):
            tower += [nn.Conv2d(c, c, 3, padding=1), nn.ReLU()]
        self.tower = nn.Sequential(*tower)  # here
        self.cls_logits = nn.Conv2d(c, 1, 3, padding=1)
        bias_value = -math.log((1 - prior) / prior)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.constant_(m.bias, bias_value)  # fault
                # fixed: nn.init.zeros_(m.bias)
        nn.init.normal_(self.cls_logits.weight, std=0.01)
        nn.init.constant_(self.cls_logits.bias, bias_value)

    def forward(self, x):
        return self.cls_logits(self.tower(x))  # here


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU()
        )
        self.head = RetinaHead()  # here

    def forward(self, x):
        return self.head(self.backbone(x))


def focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    p = torch.sigmoid(logits)
    ce = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    a_t = alpha * targets + (1 - alpha) * (1 - targets)
    return (a_t * (1 - p_t) ** gamma * ce).sum() / targets.sum().clamp(min=1)


train_loader = DataLoader(TensorDataset(*scenes(256)), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(*scenes(64)), batch_size=32)
model = Detector()
loss_fn = focal_loss
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        seen = []
        for images, heat in train_loader:
            loss = loss_fn(model(images), heat)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            seen.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(i), h).item() for i, h in val_loader) / len(val_loader)
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())
