"""Finds eyes, nose and mouth corners (ten coordinates) in little drawn faces.

code: ND312
also:
object: fc1 | model.fc1 | KeypointNet
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

np.random.seed(1)
torch.manual_seed(1)


def draw_face(size=40):
    cx, cy = np.random.uniform(16, 24, 2)
    s = np.random.uniform(0.8, 1.2)
    pts = np.array([[-6, -5], [6, -5], [0, 1], [-4, 7], [4, 7]]) * s + [cx, cy] + np.random.normal(0, 0.5, (5, 2))
    yy, xx = np.mgrid[:size, :size]
    img = np.where((xx - cx) ** 2 + (yy - cy) ** 2 < (13 * s) ** 2, 0.75, 0.3) + np.random.normal(0, 0.05, (size, size))
    for (px, py), depth in zip(pts, (0.5, 0.5, 0.3, 0.4, 0.4)):
        img -= depth * np.exp(-((xx - px) ** 2 + (yy - py) ** 2) / 3.0)
    return img.astype(np.float32), pts.astype(np.float32)


class FacialKeypointsDataset(Dataset):
    def __init__(self, n):
        self.samples = [draw_face() for _ in range(n)]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, idx):
        img, pts = self.samples[idx]
        image = torch.from_numpy((img - 0.45) / 0.25).unsqueeze(0)
        keypoints = torch.from_numpy((pts - 20.0) / 10.0).flatten()
        return image, keypoints


class KeypointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5)
        self.conv2 = nn.Conv2d(16, 32, 3)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(32 * 7 * 7, 64)  # fault
        # fixed: self.fc1 = nn.Linear(32 * 8 * 8, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))  # here
        return self.fc2(x)


model = KeypointNet()
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train_loader = DataLoader(FacialKeypointsDataset(320), batch_size=16, shuffle=True)
val_loader = DataLoader(FacialKeypointsDataset(80), batch_size=40)


def train():
    n_epochs = 4
    for epoch in range(n_epochs):
        model.train()
        running_loss = 0.0
        for images, key_pts in train_loader:
            output_pts = model(images)  # here
            loss = loss_fn(output_pts, key_pts)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(i), k).item() for i, k in val_loader])
        print("Epoch: {}, Avg. Loss: {:.4f}, Val: {:.4f}".format(epoch + 1, running_loss / len(train_loader), val))
    return running_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
