"""Roof masks from aerial tiles: a two-level U-Net in half precision with a gradient scaler.

code: ND806
also: ND608
object: scaler | clip_grad_norm_ | unscale_ | clip
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def tiles(n, g):
    mask = torch.zeros(n, 1, 16, 16)
    for i in range(n):
        y, x, h, w = (int(torch.randint(a, b, (), generator=g)) for a, b in [(0, 8), (0, 8), (4, 9), (4, 9)])
        mask[i, :, y:y + h, x:x + w] = 1
    tint = torch.tensor([1.2, -0.8, 0.5]).view(1, 3, 1, 1)
    return TensorDataset((mask - 0.2) * tint + 0.7 * torch.randn(n, 3, 16, 16, generator=g), mask)


def double(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(4, o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.deep, self.up = double(3, 8), double(8, 16), nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.last = nn.Sequential(double(16, 8), nn.Conv2d(8, 1, 1))

    def forward(self, x):
        a = self.down(x)
        b = self.deep(nn.functional.max_pool2d(a, 2))
        return self.last(torch.cat([a, self.up(b)], 1))


g = torch.Generator().manual_seed(9)
torch.manual_seed(9)
train_loader = DataLoader(tiles(128, g), batch_size=8, shuffle=True)
val_loader = DataLoader(tiles(32, g), batch_size=16)
model = UNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
precision = "16-mixed"
scaler = torch.amp.GradScaler("cpu", init_scale=4096.0)


def amp():
    return torch.autocast("cpu", dtype=torch.float16)


def train():
    late = []
    for epoch in range(5):
        model.train()
        for image, mask in train_loader:
            optimizer.zero_grad()
            with amp():
                loss = loss_fn(model(image), mask)
            scaler.scale(loss).backward()  # here
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # fault
            # fixed: scaler.unscale_(optimizer)
            # fixed: nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)  # here
            scaler.update()
            late.append(loss.item())
        model.eval()
        with torch.no_grad(), amp():
            val = sum(loss_fn(model(i), m).item() for i, m in val_loader) / len(val_loader)
        print(f"{epoch}: train {sum(late[-16:]) / 16:.4f} val {val:.4f}")
    return sum(late[-16:]) / 16


if __name__ == "__main__":
    train()
