"""Weed or crop? Small grey crops from a field camera, labels in a csv beside them.

code: ND104
also:
object: y | files | PhotoSet | train_ds | labels
seen: checkup
"""
import io
import os
import tempfile

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(7)
np.random.seed(7)

ROOT = tempfile.mkdtemp(prefix="seedlings_")
SIZE, KINDS = 16, 4


def draw(kind):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2 + 0.5
    r, a = np.hypot(yy, xx), np.arctan2(yy, xx)
    petals = np.cos((kind + 2) * a + np.random.uniform(0, 6.28))
    img = (r < 4.5 + 2.5 * petals).astype(np.float32)
    return img + 0.15 * np.random.randn(SIZE, SIZE).astype(np.float32)


# write the folder the way the camera does: img_0.npy, img_1.npy, ...
rows = []
for i in range(900):
    kind = np.random.randint(KINDS)
    np.save(os.path.join(ROOT, f"img_{i}.npy"), draw(kind))
    rows.append((f"img_{i}.npy", kind))
pd.DataFrame(rows, columns=["file", "label"]).to_csv(os.path.join(ROOT, "labels.csv"), index=False)

labels = pd.read_csv(os.path.join(ROOT, "labels.csv"))
files = sorted(f for f in os.listdir(ROOT) if f.endswith(".npy"))  # fault
# fixed: files = labels["file"].tolist()

X = np.stack([np.load(os.path.join(ROOT, f)) for f in files])  # here
X = (X - X.mean()) / X.std()
y = labels["label"].values  # here


class PhotoSet(Dataset):
    def __init__(self, X, y):
        self.X = torch.from_numpy(X).float().unsqueeze(1)
        self.y = torch.from_numpy(y.copy()).long()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.X[i], self.y[i]  # here


n_train = 720
train_ds = PhotoSet(X[:n_train], y[:n_train])  # here
val_ds = PhotoSet(X[n_train:], y[n_train:])
train_loader = DataLoader(train_ds, batch_size=48, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=90)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 12, 3, padding=1)
        self.c2 = nn.Conv2d(12, 24, 3, padding=1)
        self.fc = nn.Linear(24 * 4 * 4, KINDS)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.fc(x.flatten(1))


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def evaluate():
    model.eval()
    hits = n = 0
    with torch.no_grad():
        for xb, yb in val_loader:
            hits += (model(xb).argmax(1) == yb).sum().item()
            n += len(yb)
    return hits / n


def train(epochs=6):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(yb)
        acc = evaluate()
    return total / len(train_ds)


if __name__ == "__main__":
    print(train())
