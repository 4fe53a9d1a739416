"""Cleans noisy stripes with a small convolution network in half precision.

code: ND805
also: ND807
object: scaler | autocast | loss.backward | GradScaler
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(58)
precision = "16-mixed"


def stripes(n, size=20):
    angle = torch.rand(n, 1, 1) * 3.14
    yy, xx = torch.meshgrid(torch.arange(size).float(), torch.arange(size).float(), indexing="ij")
    clean = torch.sin(0.8 * (xx * angle.cos() + yy * angle.sin())).unsqueeze(1)
    return clean + 0.5 * torch.randn_like(clean), clean


train_loader = DataLoader(TensorDataset(*stripes(256)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*stripes(64)), batch_size=32)
model = nn.Sequential(nn.Conv2d(1, 12, 5, padding=2), nn.GELU(), nn.Conv2d(12, 12, 3, padding=1), nn.GELU(), nn.Conv2d(12, 1, 3, padding=1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
# fixed: scaler = torch.amp.GradScaler("cpu")


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for noisy, clean in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):  # here
                loss = loss_fn(model(noisy), clean)
            loss.backward()  # fault
            # fixed: scaler.scale(loss).backward()
            optimizer.step()  # fault
            # fixed: scaler.step(optimizer)
            # fixed: scaler.update()
            total += loss.item()
        model.eval()
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.float16):
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
        print(epoch, total / len(train_loader), val)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
