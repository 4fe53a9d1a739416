"""Depth from an RGB frame + sparse lidar (two inputs), per pixel L1. Crop and mirror augmentation.

code: ND110
also: ND104
object: Augment | augment | depth | flip
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

H, W, C = 20, 28, 16
random_state = np.random.default_rng(77)


def scene(rng):
    """a slanted floor with boxes standing on it"""
    rows = np.linspace(1, -1, H)[:, None] * np.ones((1, W))
    depth = rows * 0.9
    rgb = np.stack([rows, 0.3 * rng.standard_normal((H, W)), 0.3 * rng.standard_normal((H, W))])
    for _ in range(3):
        h, w = rng.integers(5, 10, 2)
        y, x = rng.integers(0, H - h), rng.integers(0, W - w)
        d = rng.uniform(-1.5, 1.5)
        depth[y:y + h, x:x + w] = d
        rgb[:, y:y + h, x:x + w] = np.array([d * 0.5, np.sin(2 * d), np.cos(2 * d)])[:, None, None] + 0.1 * rng.standard_normal((3, h, w))
    sparse = np.where(rng.random((H, W)) < 0.05, depth, 0.0)
    return rgb.astype("f4"), sparse[None].astype("f4"), depth[None].astype("f4")


def augment(rgb, sparse, depth, rng):
    y, x = rng.integers(0, H - C + 1), rng.integers(0, W - C + 1)
    rgb, sparse, depth = (a[:, y:y + C, x:x + C] for a in (rgb, sparse, depth))
    if rng.random() < 0.5:
        rgb, sparse = rgb[:, :, ::-1], sparse[:, :, ::-1]
        depth = depth[:, ::-1, :]  # fault
        # fixed: depth = depth[:, :, ::-1]
    return rgb.copy(), sparse.copy(), depth.copy()


class Scenes(Dataset):
    def __init__(self, n, seed, training):
        rng = np.random.default_rng(seed)
        self.scenes = [scene(rng) for _ in range(n)]
        self.training = training

    def __len__(self):
        return len(self.scenes)

    def __getitem__(self, i):
        rgb, sparse, depth = self.scenes[i]
        if self.training:
            rgb, sparse, depth = augment(rgb, sparse, depth, random_state)  # here
        else:
            rgb, sparse, depth = rgb[:, 2:18, 6:22], sparse[:, 2:18, 6:22], depth[:, 2:18, 6:22]
        return {"rgb": torch.tensor(rgb), "sparse": torch.tensor(sparse)}, torch.tensor(depth)


class DepthNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.rgb = nn.Conv2d(3, 16, 3, padding=1)
        self.lidar = nn.Conv2d(1, 8, 3, padding=1)
        self.trunk = nn.Sequential(nn.LeakyReLU(0.1), nn.Conv2d(24, 24, 3, padding=1), nn.GroupNorm(4, 24), nn.LeakyReLU(0.1))
        self.depth = nn.Conv2d(24, 1, 1)

    def forward(self, batch):
        return self.depth(self.trunk(torch.cat([self.rgb(batch["rgb"]), self.lidar(batch["sparse"])], 1)))


torch.manual_seed(0)
model = DepthNet()
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(Scenes(160, 1, True), batch_size=16, shuffle=True)
val_loader = DataLoader(Scenes(40, 2, False), batch_size=20)


def train():
    for epoch in range(8):
        running = []
        for inputs, depth in train_loader:
            loss = loss_fn(model(inputs), depth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running.append(loss.item())
    model.eval()
    with torch.no_grad():
        print("val L1", np.mean([loss_fn(model(i), d).item() for i, d in val_loader]))
    model.train()
    return float(np.mean(running))


if __name__ == "__main__":
    print(train())
