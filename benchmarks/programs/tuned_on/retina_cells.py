"""One-stage cell detector on small microscope crops: per-cell objectness with focal loss, RetinaNet habits.

code: ND307
also: ND202
object: tower | tower.0.bias | tower.2.bias | init_head | Head
seen: checkup
"""
import math

import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2018)
SIZE, GRID = 24, 6


def microscope(n):
    """Crops with one to three bright cells; target: which of the 6x6 places holds a centre."""
    img = 0.25 * torch.randn(n, 1, SIZE, SIZE)
    tgt = torch.zeros(n, GRID, GRID)
    yy, xx = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    for i in range(n):
        for _ in range(int(torch.randint(1, 4, ()))):
            cy, cx = torch.randint(2, SIZE - 2, (2,)).tolist()
            img[i, 0] += 1.6 * torch.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 5.0)
            tgt[i, cy * GRID // SIZE, cx * GRID // SIZE] = 1
    return TensorDataset((img - 0.1) / 0.4, tgt)


train_loader = DataLoader(microscope(416), batch_size=32, shuffle=True)
val_loader = DataLoader(microscope(96), batch_size=48)


class Backbone(nn.Sequential):
    def __init__(self, c=16):
        super().__init__(nn.Conv2d(1, c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(c, c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))


class Head(nn.Module):
    def __init__(self, c=16, prior=0.05):
        super().__init__()
        self.tower = nn.Sequential(nn.Conv2d(c, c, 3, padding=1), nn.ReLU(),
                                   nn.Conv2d(c, c, 3, padding=1), nn.ReLU())
        self.cls_score = nn.Conv2d(c, 1, 3, padding=1)
        self.init_head(-math.log((1 - prior) / prior))

    def init_head(self, bias_value):
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.normal_(m.weight, std=0.05)
                nn.init.constant_(m.bias, bias_value)  # fault
                # fixed: nn.init.constant_(m.bias, bias_value if m is self.cls_score else 0.0)

    def forward(self, f):
        return self.cls_score(self.tower(f)).squeeze(1)  # here


class CellDetector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.head = Head()  # here

    def forward(self, x):
        return self.head(self.backbone(x))


def sigmoid_focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    ce = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p = torch.sigmoid(logits)
    p_t = p * targets + (1 - p) * (1 - targets)
    a_t = alpha * targets + (1 - alpha) * (1 - targets)
    return (a_t * (1 - p_t) ** gamma * ce).sum() / targets.sum().clamp(min=1)


model = CellDetector()
loss_fn = sigmoid_focal_loss
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def recall_at_half():
    model.eval()
    found = total = 0
    with torch.no_grad():
        for x, t in val_loader:
            found += ((model(x) > 0).float() * t).sum().item()
            total += t.sum().item()
    return found / total


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            total += loss.item()
        if epoch % 2 == 1:
            print(f"epoch {epoch} focal {total / len(train_loader):.4f} recall {recall_at_half():.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
