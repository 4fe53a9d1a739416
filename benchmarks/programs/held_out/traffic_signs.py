"""Red, blue and yellow signs: colour and form both matter.

code: ND106
also:
object: val_loader | SignFolder | channel 0 | channel 2 | val_set
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

RGB = {"stop": (200, 30, 40), "parking": (30, 60, 200), "priority": (220, 190, 40), "end": (120, 120, 120)}
KINDS = list(RGB)


def photograph(kind, g):
    """As the camera driver gives it: height, width, BGR."""
    image = np.array([60, 90, 110], dtype=float) + g.normal(0, 20, (20, 20, 3))
    y, x = np.mgrid[0:20, 0:20]
    cy, cx, r = g.uniform(8, 12), g.uniform(8, 12), g.uniform(5, 7)
    inside = (np.abs(y - cy) + np.abs(x - cx) < r * 1.3) if kind == "priority" else (np.hypot(y - cy, x - cx) < r)
    image[inside] = np.array(RGB[kind]) * g.uniform(0.8, 1.1) + g.normal(0, 12, (inside.sum(), 3))
    return image[:, :, ::-1].clip(0, 255).astype(np.uint8)


class SignFolder(Dataset):
    MEAN = torch.tensor([0.46, 0.38, 0.40])[:, None, None]
    STD = torch.tensor([0.24, 0.17, 0.19])[:, None, None]

    def __init__(self, n, seed, to_rgb=True):
        g = np.random.default_rng(seed)
        self.targets = g.integers(0, len(KINDS), n)
        self.images = [photograph(KINDS[t], g) for t in self.targets]
        self.to_rgb = to_rgb

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.images[i]
        if self.to_rgb:
            image = image[:, :, ::-1]
        tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        return (tensor - self.MEAN) / self.STD, int(self.targets[i])


torch.manual_seed(6)
train_set = SignFolder(600, seed=10)
val_set = SignFolder(200, seed=20, to_rgb=False)  # fault
# fixed: val_set = SignFolder(200, seed=20)
train_loader = DataLoader(train_set, batch_size=30, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)  # here


class SignNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.fc = nn.Linear(32, 4)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        return self.fc(x.mean((2, 3)))


model = SignNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        seen = 0
        total = 0.0
        for images, targets in train_loader:
            loss = loss_fn(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(targets)
            seen += len(targets)
        model.eval()
        with torch.no_grad():
            hits = [(model(i).argmax(1) == t).float().mean() for i, t in val_loader]
        print(epoch, total / seen, torch.stack(hits).mean().item())
    return total / seen


if __name__ == "__main__":
    train()
