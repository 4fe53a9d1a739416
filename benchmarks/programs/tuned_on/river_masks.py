"""Water masks of meandering rivers in multispectral tiles, half precision.

code: ND805
also: ND807
object: scaler | autocast | precision | optimizer | model
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SIZE, BANDS = 24, 4


class RiverTiles(Dataset):
    def __init__(self, n, seed):
        self.n, self.seed = n, seed

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        rng = np.random.default_rng((self.seed, i))
        t = np.arange(SIZE)
        course = 12 + 5 * np.sin(t / rng.uniform(3, 7) + rng.uniform(0, 6)) + rng.normal(0, 2)
        width = rng.uniform(2, 5)
        water = np.abs(np.arange(SIZE)[:, None] - course[None]) < width
        tile = rng.normal(0, 0.7, (BANDS, SIZE, SIZE))
        tile += np.where(water, np.array([0.4, 0.8, -0.6, -1.4])[:, None, None], np.array([-0.2, -0.3, 0.3, 0.6])[:, None, None])
        return torch.tensor(tile, dtype=torch.float32), torch.tensor(water[None], dtype=torch.float32)


class WaterNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(BANDS, c, 3, padding=1), nn.GroupNorm(2, c), nn.ReLU(),
            nn.Conv2d(c, c, 3, padding=1), nn.GroupNorm(2, c), nn.ReLU(),
        )
        self.mask = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        return self.mask(self.body(x))


torch.manual_seed(12)
train_loader = DataLoader(RiverTiles(160, 0), batch_size=8, shuffle=True)
val_loader = DataLoader(RiverTiles(32, 1), batch_size=16)
model = WaterNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
precision = "16-mixed"  # fault
# fixed: precision = "16-mixed"
# fixed: scaler = torch.amp.GradScaler("cpu")


def train(epochs=3):
    for epoch in range(epochs):
        model.train()
        losses = []
        for tile, water in train_loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):  # here
                logits = model(tile)
                loss = loss_fn(logits, water)
            loss.backward()  # fault
            # fixed: scaler.scale(loss).backward()
            optimizer.step()  # fault
            # fixed: scaler.step(optimizer)
            # fixed: scaler.update()
            losses.append(loss.item())
        model.eval()
        inter = union = 0
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.float16):
            for tile, water in val_loader:
                p = model(tile) > 0
                inter += (p & (water > 0)).sum().item()
                union += (p | (water > 0)).sum().item()
        print(epoch, np.mean(losses), "IoU", inter / union)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
