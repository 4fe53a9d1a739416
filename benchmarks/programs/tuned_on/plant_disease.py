"""Is a plant ill? A leaf picture and the weather of the week are read together.

code: ND206
also: ND303
object: climate | weather | fuse | forward | cat | PlantNet
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(27)


class Plants(Dataset):
    def __init__(self, n):
        self.leaf = torch.randn(n, 1, 12, 12)
        self.spots = torch.rand(n) < 0.5
        for i in torch.nonzero(self.spots).flatten().tolist():
            for _ in range(4):
                r, c = torch.randint(0, 10, (2,)).tolist()
                self.leaf[i, 0, r:r + 3, c:c + 3] += 2.0
        self.weather = torch.randn(n, 7, 2)
        damp = self.weather[:, :, 0].sum(1) > 0
        self.ill = (self.spots & damp).long() + (self.spots & ~damp).long() * 2

    def __len__(self):
        return len(self.ill)

    def __getitem__(self, i):
        return self.leaf[i], self.weather[i], self.ill[i]


class PlantNet(nn.Module):
    """0 sound, 1 mould (damp weather), 2 scorch (dry weather)"""

    def __init__(self):
        super().__init__()
        self.picture = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )
        self.climate = nn.Sequential(nn.Flatten(), nn.Linear(14, 16), nn.ReLU())
        self.fuse = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, leaf, weather):
        seen = self.picture(leaf)
        felt = self.picture(leaf)  # fault
        # fixed: felt = self.climate(weather)
        return self.fuse(torch.cat([seen, felt], dim=1))


train_loader = DataLoader(Plants(640), batch_size=32, shuffle=True)
val_loader = DataLoader(Plants(240), batch_size=120)
model = PlantNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    leaf, weather, ill = batch
    return loss_fn(setup.model(leaf, weather), ill)


def train():
    for epoch in range(10):
        model.train()
        for leaf, weather, ill in train_loader:
            optimizer.zero_grad()
            loss_fn(model(leaf, weather), ill).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hit = sum((model(a, w).argmax(1) == y).sum().item() for a, w, y in val_loader)
    print("val accuracy", hit / 240)


if __name__ == "__main__":
    train()
