"""Depth from one grey picture (spheres in front of a wall), half precision to save memory.

code: ND805
also: ND807
object: scaler | GradScaler | backward | autocast | precision | optimizer
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Spheres(Dataset):
    """A lit sphere somewhere before a wall; near things are bigger and brighter."""

    def __init__(self, n, seed, size=16):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        self.data = []
        for _ in range(n):
            cx, cy, near = torch.rand(3, generator=g).tolist()
            r = 2.5 + 3.5 * near
            d2 = (xx - 3 - 10 * cx) ** 2 + (yy - 3 - 10 * cy) ** 2
            bump = (1 - d2 / r ** 2).clamp(min=0).sqrt()
            inside = (bump > 0).float()
            image = 0.2 + inside * (0.2 + 0.6 * bump * (0.4 + near)) + 0.03 * torch.randn(size, size, generator=g)
            depth = 1.0 - inside * (0.3 + 0.4 * near + 0.2 * bump)
            self.data.append(((image[None] - 0.35) / 0.25, depth[None]))

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


class DepthUNet(nn.Module):
    def __init__(self, ch=8):
        super().__init__()
        self.down1 = nn.Conv2d(1, ch, 3, padding=1)
        self.down2 = nn.Conv2d(ch, 2 * ch, 3, padding=1)
        self.middle = nn.Conv2d(2 * ch, 2 * ch, 3, padding=1)
        self.up = nn.Conv2d(3 * ch, ch, 3, padding=1)
        self.head = nn.Conv2d(ch, 1, 1)

    def forward(self, x):
        a = F.relu(self.down1(x))
        b = F.relu(self.down2(F.max_pool2d(a, 2)))
        b = F.relu(self.middle(b))
        b = F.interpolate(b, scale_factor=2.0, mode="nearest")
        return self.head(F.relu(self.up(torch.cat([a, b], 1))))


torch.manual_seed(3)
train_loader = DataLoader(Spheres(128, 0), batch_size=16, shuffle=True)
val_loader = DataLoader(Spheres(32, 1), batch_size=32)
model = DepthUNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
precision = "16-mixed"  # fault
# fixed: precision = "16-mixed"
# fixed: scaler = torch.amp.GradScaler("cpu")


def train():
    for epoch in range(4):
        model.train()
        total = 0.0
        for image, depth in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):  # here
                loss = loss_fn(model(image), depth)
            loss.backward()  # fault
            # fixed: scaler.scale(loss).backward()
            optimizer.step()  # fault
            # fixed: scaler.step(optimizer)
            # fixed: scaler.update()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum((model(i) - d).abs().mean().item() for i, d in val_loader) / len(val_loader)
        print(f"epoch {epoch}: mse {total / len(train_loader):.5f}, val mae {val:.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
