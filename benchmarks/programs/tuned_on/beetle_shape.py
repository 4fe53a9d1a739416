"""Elytra outlines (elliptic Fourier descriptors) to three body measurements of ground beetles.

code: ND206
also: ND501
object: model.fc2 | fc2 | fc2.weight | ShapeRegressor
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

H = 10


class Beetles(Dataset):
    def __init__(self, n, seed):
        rng = np.random.RandomState(seed)
        self.efd = rng.randn(n, 4 * H).astype(np.float32)
        length = np.tanh(self.efd[:, 0] + 0.5 * self.efd[:, 5]) + 0.3 * self.efd[:, 1] ** 2
        width = 0.8 * self.efd[:, 2] * np.sin(self.efd[:, 3])
        pronotum = np.abs(self.efd[:, 4]) - 0.4 * self.efd[:, 0]
        y = np.stack([length, width, pronotum], 1) + 0.05 * rng.randn(n, 3)
        self.y = (y - [0.3, 0.0, 0.8]).astype(np.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, idx):
        return {"efd": torch.from_numpy(self.efd[idx]), "traits": torch.from_numpy(self.y[idx])}


class ShapeRegressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4 * H, 64)
        self.fc2 = nn.Linear(64, 64)  # here
        self.fc3 = nn.Linear(64, 3)
        self.dropout = nn.Dropout(0.1)

    def forward(self, efd):
        x = F.relu(self.fc1(efd))
        x = self.dropout(x)  # fault
        # fixed: x = self.dropout(F.relu(self.fc2(x)))
        return self.fc3(x)


torch.manual_seed(2)
train_loader = DataLoader(Beetles(900, 0), batch_size=30, shuffle=True)
val_loader = DataLoader(Beetles(200, 1), batch_size=100)
model = ShapeRegressor()  # here
criterion = nn.L1Loss()
loss_fn = criterion
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def batch_loss(setup, batch):
    return criterion(setup.model(batch["efd"]), batch["traits"])


def train(num_epochs=8):
    for epoch in range(num_epochs):
        model.train()
        train_loss = []
        for sample in train_loader:
            pred = model(sample["efd"])
            loss = criterion(pred, sample["traits"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss.append(loss.item())
        model.eval()
        with torch.no_grad():
            mae = np.mean([criterion(model(s["efd"]), s["traits"]).item() for s in val_loader])
        print(f"[{epoch + 1}/{num_epochs}] train {np.mean(train_loss):.4f} val MAE {mae:.4f}")
    return float(np.mean(train_loss))


if __name__ == "__main__":
    print(train())
