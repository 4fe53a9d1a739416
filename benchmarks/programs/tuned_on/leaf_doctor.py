"""Cassava-style leaf disease classifier from a folder of pictures and a train.csv.

code: ND104
also:
object: train_ds | val_ds | train_loader | LeafDataset | images | labels | load_images
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SEED = 2021
CLASSES = ["CBB", "CBSD", "CGM", "Healthy"]
np.random.seed(SEED)
torch.manual_seed(SEED)


def fake_leaf(label):
    yy, xx = np.mgrid[0:20, 0:20] / 19.0
    img = np.stack([0.2 + 0.1 * yy, 0.55 + 0.1 * xx, 0.2 + 0.05 * yy], 0)
    if label == 0:      # brown spots
        for _ in range(6):
            cy, cx = np.random.randint(2, 18, 2)
            img[:, cy - 1:cy + 2, cx - 1:cx + 2] = np.array([0.45, 0.3, 0.1])[:, None, None]
    elif label == 1:    # yellow veins
        img[0, :, ::4] += 0.5
        img[1, :, ::4] += 0.2
    elif label == 2:    # mosaic
        img[0] += 0.25 * ((yy * 5).astype(int) % 2 ^ (xx * 5).astype(int) % 2)
    return (np.clip(img + 0.06 * np.random.randn(3, 20, 20), 0, 1) * 255).astype(np.uint8)


# ---- the "folder" and the csv -------------------------------------------------
df = pd.DataFrame({"label": np.random.randint(0, 4, 640)})
df["image_id"] = [f"train_{i}.jpg" for i in range(len(df))]
FOLDER = {name: fake_leaf(lab) for name, lab in zip(df.image_id, df.label)}


def load_images():
    names = sorted(FOLDER)  # fault
    # fixed: names = list(df.image_id)
    return np.stack([FOLDER[n] for n in names]).astype(np.float32) / 255.0


images = load_images()  # here
labels = df.label.values  # here
order = np.random.permutation(len(df))
tr, va = order[:512], order[512:]
mean = images[tr].mean((0, 2, 3), keepdims=True)[0]
std = images[tr].std((0, 2, 3), keepdims=True)[0]


class LeafDataset(Dataset):
    def __init__(self, idx):
        self.idx = idx

    def __len__(self):
        return len(self.idx)

    def __getitem__(self, i):
        j = self.idx[i]
        x = (images[j] - mean) / std
        return torch.from_numpy(x), int(labels[j])  # here


class LeafNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 12, 3, padding=1)
        self.b1 = nn.BatchNorm2d(12)
        self.c2 = nn.Conv2d(12, 24, 3, padding=1)
        self.b2 = nn.BatchNorm2d(24)
        self.fc = nn.Linear(24, len(CLASSES))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.b1(self.c1(x))), 2)
        x = F.max_pool2d(F.relu(self.b2(self.c2(x))), 2)
        return self.fc(x.mean((2, 3)))


train_ds, val_ds = LeafDataset(tr), LeafDataset(va)  # here
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=64)
model = LeafNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        hits = 0
        with torch.no_grad():
            for x, y in val_loader:
                hits += (model(x).argmax(1) == y).sum().item()
        print(f"epoch {epoch} train {np.mean(losses):.3f} val acc {hits / len(val_ds):.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
