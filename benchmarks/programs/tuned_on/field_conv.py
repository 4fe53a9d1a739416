"""Crop type from small 4-band satellite patches, plain convolutions without norms.

code: ND202
also: ND502
object: features | features.0 | features.2 | features.5 | features.7 | features.0.weight | features.2.weight
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Patches(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 4, (n,), generator=g)
        self.g = torch.randn(n, 4, 12, 12, generator=g) * 0.6
        rows = torch.arange(12).float()
        for i, c in enumerate(self.y.tolist()):
            wave = torch.sin(rows * (0.5 + 0.5 * (c % 2)) + torch.rand(1, generator=g) * 6)
            self.g[i, : 2 + c // 2] += wave[:, None] if c < 2 else wave[None, :]
        self.g = (self.g - self.g.mean((0, 2, 3), keepdim=True)) / self.g.std((0, 2, 3), keepdim=True)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.g[i], self.y[i]


def weights_init(m):
    if isinstance(m, nn.Conv2d):
        m.weight.data.normal_(0.0, 0.004)  # fault
        # fixed: nn.init.kaiming_normal_(m.weight)
        m.bias.data.zero_()


class CropNet(nn.Module):
    def __init__(self, n=4):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(4, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(32, n)
        self.apply(weights_init)  # here

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


torch.manual_seed(5)
model = CropNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train_loader = DataLoader(Patches(320, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Patches(96, 2), batch_size=96)


def train():
    for _ in range(8):
        model.train()
        hist = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            hist.append(loss.item())
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                F.cross_entropy(model(x), y)
    return sum(hist) / len(hist)


if __name__ == "__main__":
    print(train())
