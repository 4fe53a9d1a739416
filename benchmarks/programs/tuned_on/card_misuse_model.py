"""Is a card payment misuse? A table of payments, where habits and places interact.

code: ND205
also:
object: relu | forward | hidden | hidden1 | hidden2 | Scorer
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(8)
torch.manual_seed(8)
n = 1600
df = pd.DataFrame({
    "amount": rng.lognormal(3, 0.8, n),
    "hour": rng.uniform(0, 24, n),
    "distance": rng.exponential(20, n),
    "abroad": rng.integers(0, 2, n),
    "online": rng.integers(0, 2, n),
})
odd = (np.log(df.amount) > 3) ^ (df.abroad == 1)
late = (df.hour < 7) | (df.hour > 20)
df["misuse"] = (odd ^ (late & (df.online == 1))).astype(float)
df["amount"] = np.log(df.amount)
df["distance"] = np.log1p(df.distance)
columns = ["amount", "hour", "distance", "abroad", "online"]
cut = 1200
df[columns] = (df[columns] - df[columns][:cut].mean()) / df[columns][:cut].std()


class Payments(Dataset):
    def __init__(self, frame):
        self.x = torch.tensor(frame[columns].to_numpy(), dtype=torch.float32)
        self.y = torch.tensor(frame["misuse"].to_numpy(), dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Scorer(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden1 = nn.Linear(5, 48)
        self.hidden2 = nn.Linear(48, 48)
        self.score = nn.Linear(48, 1)

    def forward(self, x):
        h = self.hidden1(x)  # here
        F.relu(h)  # fault
        # fixed: h = F.relu(h)
        h = self.hidden2(h)  # here
        F.relu(h)  # fault
        # fixed: h = F.relu(h)
        return self.score(h).squeeze(1)


train_loader = DataLoader(Payments(df[:cut]), batch_size=40, shuffle=True)
val_loader = DataLoader(Payments(df[cut:]), batch_size=200)
model = Scorer()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def train():
    for _ in range(12):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = sum(((model(x) > 0).float() == y).sum().item() for x, y in val_loader)
    print("val accuracy", hits / (n - cut))


if __name__ == "__main__":
    train()
