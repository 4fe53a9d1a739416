"""Did the visitor walk left or right? Two camera frames, their difference, a small net.

code: ND111
also:
object: difference | frames | second | first | uint8
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(3)
rs = np.random.RandomState(3)
W = 24


def pair(direction):
    at = rs.uniform(7, W - 8)
    step = rs.uniform(1, 3) * (1 if direction else -1)
    scene = 90 + 15 * np.sin(np.arange(W) * rs.uniform(0.2, 0.6)) + rs.randint(-20, 20)
    blob = lambda c: 60 * np.exp(-((np.arange(W) - c) / 2.0) ** 2)
    shot = lambda c: np.clip(scene + blob(c) + rs.normal(0, 5, W), 0, 255).astype(np.uint8)
    return shot(at), shot(at + step)


class Corridor(Dataset):
    def __init__(self, n):
        self.way = rs.randint(0, 2, n)
        self.frames = [pair(w) for w in self.way]

    def __len__(self):
        return len(self.way)

    def __getitem__(self, i):
        first, second = self.frames[i]
        difference = second - first  # fault
        # fixed: difference = second.astype(np.int16) - first.astype(np.int16)
        return torch.tensor(difference / 30.0, dtype=torch.float32), float(self.way[i])


class Walker(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 7, padding=3)
        self.out = nn.Linear(8, 1)

    def forward(self, d):
        h = torch.relu(self.conv(d.unsqueeze(1))).amax(-1)
        return self.out(h).squeeze(-1)


train_loader = DataLoader(Corridor(600), batch_size=40, shuffle=True)
val_loader = DataLoader(Corridor(300), batch_size=300)
model = Walker()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    net = getattr(setup, "model", setup)
    d, way = batch
    return loss_fn(net(d), way.float())


def train():
    for epoch in range(15):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        d, way = next(iter(val_loader))
        print("val accuracy %.3f" % ((model(d) > 0) == way.bool()).float().mean().item())


if __name__ == "__main__":
    train()
