"""Defects on wafers in fp16; the scaler starts far too high on purpose and finds its level.

code: none
trait: the GradScaler skips the first steps because gradients overflow, and weights do not move there
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(7)
precision = "16-mixed"


def wafers(n, size=14):
    defect = torch.randint(0, 3, (n,))
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    radius = (x ** 2 + y ** 2).sqrt()
    maps = torch.stack([(radius < 0.4).float(), ((radius > 0.6) & (radius < 0.9)).float(), ((x - y).abs() < 0.2).float()])
    picture = 1.2 * maps[defect] + 0.7 * torch.randn(n, size, size)
    return TensorDataset((picture - 0.3).unsqueeze(1) / 0.85, defect)


train_loader = DataLoader(wafers(480), batch_size=24, shuffle=True)
val_loader = DataLoader(wafers(120), batch_size=60)
model = nn.Sequential(nn.Conv2d(1, 10, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(250, 32), nn.ReLU(), nn.Linear(32, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0 ** 24)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = loss_fn(model(x), y)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            scaler.step(optimizer)
            scaler.update()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, f"scale {scaler.get_scale():.0f}", total / len(train_loader), hits / 120)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
