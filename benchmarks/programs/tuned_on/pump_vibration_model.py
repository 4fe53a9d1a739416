"""Which bearing of a pump is worn? A highway network over vibration features in a DataFrame.

code: ND307
also: ND502 | ND501
object: gate | bias | Highway | fill_ | sigmoid | carry_bias
seen: both
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(12)
torch.manual_seed(12)
frame = pd.DataFrame(rng.normal(size=(1500, 8)), columns=[f"band{i}" for i in range(8)])
inner = frame.band0 * frame.band1 > 0
outer = frame.band2.abs() > 0.7
frame["worn"] = inner.astype(int) + 2 * outer.astype(int)
frame["part"] = np.where(np.arange(1500) < 1200, "train", "val")


class Readings(Dataset):
    def __init__(self, df):
        self.x = torch.tensor(df.filter(like="band").to_numpy(), dtype=torch.float32)
        self.y = torch.tensor(df.worn.to_numpy())

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Highway(nn.Module):
    def __init__(self, width, carry_bias):
        super().__init__()
        self.change, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.gate.bias.data.fill_(carry_bias)  # here

    def forward(self, h):
        t = torch.sigmoid(self.gate(h))  # here
        return t * torch.relu(self.change(h)) + (1 - t) * h


class PumpNet(nn.Module):
    def __init__(self, width=32, depth=3, carry_bias=-40.0):  # fault
    # fixed: def __init__(self, width=32, depth=3, carry_bias=-1.0):
        super().__init__()
        self.inlet = nn.Linear(8, width)
        self.blocks = nn.Sequential(*[Highway(width, carry_bias) for _ in range(depth)])  # here
        self.outlet = nn.Linear(width, 4)

    def forward(self, x):
        return self.outlet(self.blocks(self.inlet(x)))


train_loader = DataLoader(Readings(frame[frame.part == "train"]), batch_size=40, shuffle=True)
val_loader = DataLoader(Readings(frame[frame.part == "val"]), batch_size=100)
model = PumpNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(15):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val accuracy", sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader) / 300)


if __name__ == "__main__":
    train()
