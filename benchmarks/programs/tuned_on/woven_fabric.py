"""Which weave is this? Two kinds of fabric told apart by their texture.

code: ND205
also:
object: relu | forward | WeaveNet | Conv2d | conv1 | conv2 | conv3
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Fabrics(Dataset):
    """Warp or weft stripes with a random phase, pitch and noise."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 2, (n,), generator=g)
        t = torch.arange(14.0)
        phase = 6.28 * torch.rand(n, 1, 1, generator=g)
        pitch = 1.2 + 0.8 * torch.rand(n, 1, 1, generator=g)
        wave = torch.sin(pitch * t[None, None, :] + phase).expand(n, 14, 14)
        wave = torch.where(self.y[:, None, None] == 1, wave.transpose(1, 2), wave)
        self.x = (wave + 0.3 * torch.randn(n, 14, 14, generator=g))[:, None]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class WeaveNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 16, 3, padding=1)
        self.head = nn.Linear(16, 2)

    def forward(self, x):  # here
        x = self.conv1(x)  # here
        F.relu(x)  # fault
        # fixed: x = F.relu(x)
        x = F.avg_pool2d(self.conv2(x), 2)  # here
        F.relu(x)  # fault
        # fixed: x = F.relu(x)
        x = self.conv3(x)  # here
        F.relu(x)  # fault
        # fixed: x = F.relu(x)
        return self.head(x.mean((2, 3)))


torch.manual_seed(8)
train_loader = DataLoader(Fabrics(600, 1), batch_size=30, shuffle=True)
val_loader = DataLoader(Fabrics(200, 2), batch_size=50)
model = WeaveNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def train():
    for epoch in range(8):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        ok = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
    print("val accuracy", ok / 200)


if __name__ == "__main__":
    train()
