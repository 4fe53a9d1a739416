"""Finds scratches on steel strips: a heat map of defect centres, trained with the focal loss.

code: ND307
also: ND202, ND502
object: backbone | backbone.0 | backbone.2 | backbone.4 | backbone.1 | backbone.3 | backbone.5 | set_prior | bias
seen: checkup
"""
import math
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader


class Strips(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        img = 0.7 * torch.randn(n, 1, 24, 24, generator=g)
        self.heat = torch.zeros(n, 1, 6, 6)
        for i in range(n):
            for _ in range(int(torch.randint(1, 4, (1,), generator=g))):
                cy, cx = torch.randint(0, 6, (2,), generator=g).tolist()
                self.heat[i, 0, cy, cx] = 1.0
                img[i, 0, 4 * cy + 1:4 * cy + 3, 4 * cx:4 * cx + 4] += 2.0
        self.img = (img - img.mean()) / img.std()

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return self.img[i], self.heat[i]


class DefectNet(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, c, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c, c, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(c, c, 3, stride=2, padding=1), nn.ReLU())  # here
        self.heat = nn.Conv2d(c, 1, 1)
        self.set_prior(0.05)  # here

    def set_prior(self, p):
        layers = [m for m in self.modules() if isinstance(m, nn.Conv2d)]  # fault
        # fixed: layers = [self.heat]
        for layer in layers:
            nn.init.constant_(layer.bias, -math.log((1 - p) / p))  # here

    def forward(self, img):
        return self.heat(self.backbone(img))


def loss_fn(logits, heat, gamma=2.0):
    p = torch.sigmoid(logits)
    ce = nn.functional.binary_cross_entropy_with_logits(logits, heat, reduction="none")
    miss = heat * (1 - p) + (1 - heat) * p
    weight = 0.75 * heat + 0.25 * (1 - heat)
    return (weight * miss ** gamma * ce).sum() / heat.sum().clamp(min=1)


torch.manual_seed(50)
train_loader = DataLoader(Strips(480, 1), batch_size=24, shuffle=True)
val_loader = DataLoader(Strips(96, 2), batch_size=48)
model = DefectNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for img, heat in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(img), heat)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            hit = found = real = 0
            for img, heat in val_loader:
                guess = model(img) > 0
                hit += (guess & (heat > 0)).sum().item()
                found += guess.sum().item()
                real += heat.sum().item()
        print(f"epoch {epoch} loss {total / len(train_loader):.3f} F1 {2 * hit / (found + real):.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
