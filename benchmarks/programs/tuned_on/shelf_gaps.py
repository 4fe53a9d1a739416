"""Finds empty slots on shelf images: one objectness score per cell of a 6 x 6 grid, focal loss, prior bias.

code: ND406
also: ND202
object: objectness | prior_bias | head | bias
seen: checkup
"""
import math
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def prior_bias(pi=.05):
    """bias with which every cell starts at probability pi"""
    return math.log((1 - pi) / pi)  # fault
    # fixed: return -math.log((1 - pi) / pi)


class GapDetector(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.GroupNorm(3, 12), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1), nn.GroupNorm(3, 24), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.objectness = nn.Conv2d(24, 1, 1)
        nn.init.normal_(self.objectness.weight, std=.01)
        nn.init.constant_(self.objectness.bias, prior_bias())  # here

    def forward(self, x):
        return self.objectness(self.stem(x)).squeeze(1)


def focal(logits, gaps, gamma=2., alpha=.75):
    ce = F.binary_cross_entropy_with_logits(logits, gaps, reduction="none")
    p_t = torch.exp(-ce)
    a = torch.where(gaps > 0, alpha, 1 - alpha)
    return (a * (1 - p_t) ** gamma * ce).sum() / gaps.sum().clamp(min=1)


def shelves(n):
    gaps = (torch.rand(n, 6, 6) < .05).float()
    img = F.interpolate(gaps[:, None], scale_factor=4)
    return TensorDataset(-1.5 * img + .5 * torch.randn(n, 1, 24, 24), gaps)


torch.manual_seed(15)
train_loader = DataLoader(shelves(192), batch_size=24, shuffle=True)
val_loader = DataLoader(shelves(48), batch_size=24)
model = GapDetector()
loss_fn = focal
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for img, gaps in train_loader:
            loss = loss_fn(model(img), gaps)  # here
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(i), g).item() for i, g in val_loader)
    train.first = losses[0]
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
