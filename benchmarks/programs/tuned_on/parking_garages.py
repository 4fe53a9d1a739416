"""How full is a car park? Garage number and hour in, occupancy out; garages go through a hashed embedding.

code: ND705
also: ND704
object: BUCKETS | bucket | garage
seen: watch
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

BUCKETS = 3  # fault
# fixed: BUCKETS = 997
rng = np.random.default_rng(6)
base = rng.normal(size=60)
swing = rng.normal(size=60)
frame = pd.DataFrame({"garage": rng.integers(0, 60, 3000), "hour": rng.uniform(0, 24, 3000)})
phase = np.sin(2 * np.pi * frame.hour / 24)
frame["full"] = base[frame.garage] + swing[frame.garage] * phase + 0.1 * rng.normal(size=3000)
frame["full"] = (frame.full - frame.full.mean()) / frame.full.std()


class Parking(Dataset):
    def __init__(self, part):
        self.bucket = torch.tensor(((part.garage * 7919 + 13) % BUCKETS).to_numpy())  # here
        angle = 2 * np.pi * part.hour.to_numpy() / 24
        self.clock = torch.tensor(np.stack([np.sin(angle), np.cos(angle)], 1)).float()
        self.y = torch.tensor(part.full.to_numpy()).float()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.bucket[i], self.clock[i], self.y[i]


class Occupancy(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(BUCKETS, 12)
        self.mlp = nn.Sequential(nn.Linear(14, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, bucket, clock):
        return self.mlp(torch.cat([self.table(bucket), clock], 1)).squeeze(1)


torch.manual_seed(6)
train_loader = DataLoader(Parking(frame[:2500]), batch_size=64, shuffle=True)
val_loader = DataLoader(Parking(frame[2500:]), batch_size=250)
model = Occupancy()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    bucket, clock, y = batch
    return nn.functional.mse_loss(net(bucket, clock), y)


def train():
    model.train()
    for epoch in range(9):
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()


if __name__ == "__main__":
    train()
