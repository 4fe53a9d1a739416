"""Draws the vessels of simulated eye pictures; one term of a larger joint loss, in mixed precision.

code: ND805
also: ND807
object: autocast | float16 | scaler | backward
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(26)
SIDE = 14
VESSEL_WEIGHT = 1e-4          # share of the vessel map in the joint objective


def eyes(n):
    axis = torch.arange(SIDE).float()
    slope = torch.randn(n, 1, 1) * 0.6
    start = torch.rand(n, 1, 1) * 7 + 3
    line = start + slope * (axis[None, None, :] - 7)
    vessel = ((axis[None, :, None] - line).abs() < 1.3).float()
    picture = vessel * 1.2 + 0.5 * torch.randn(n, SIDE, SIDE)
    return TensorDataset((picture / 0.7 - 0.2).unsqueeze(1), vessel.unsqueeze(1))


train_loader = DataLoader(eyes(160), batch_size=16, shuffle=True)
val_loader = DataLoader(eyes(60), batch_size=30)
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(),
    nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
    nn.Conv2d(8, 1, 3, padding=1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, eps=1e-12)
LOW = torch.float16
use_scaler = False  # fault
# fixed: scaler = torch.amp.GradScaler("cpu")


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    picture, vessel = batch
    with torch.autocast("cpu", dtype=LOW):  # here
        out = model(picture)
    return VESSEL_WEIGHT * loss_fn(out.float(), vessel)


def train():
    for epoch in range(5):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(model, batch)
            loss.backward()  # fault
            # fixed: scaler.scale(loss).backward()
            optimizer.step()  # fault
            # fixed: scaler.step(optimizer)
            # fixed: scaler.update()
    model.eval()
    hit = union = 0
    with torch.no_grad():
        for picture, vessel in val_loader:
            found = model(picture) > 0
            hit += (found & (vessel > 0)).sum().item()
            union += (found | (vessel > 0)).sum().item()
    print(f"loss {loss.item() / VESSEL_WEIGHT:.3f} iou {hit / union:.3f}")


if __name__ == "__main__":
    train()
