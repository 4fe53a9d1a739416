"""Glucose 30 minutes ahead from CGM windows with residual blocks (several horizons at once).

code: ND206
also:
object: blocks | blocks.3 | blocks.3.fc1.weight | blocks.3.fc2.weight
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class CGM(Dataset):
    def __init__(self, people, seed):
        g = torch.Generator().manual_seed(seed)
        t = torch.arange(60) / 6
        ph = torch.rand(people, 1, generator=g) * 6
        meals = torch.rand(people, 1, generator=g) + 0.5
        s = torch.sin(t * meals + ph) + 0.4 * torch.sin(3 * t * meals + 2 * ph)
        self.s = (s + 0.05 * torch.randn(people, 60, generator=g)) / 0.75

    def __len__(self):
        return self.s.shape[0] * 6

    def __getitem__(self, i):
        row, k = divmod(i, 6)
        return self.s[row, k * 6:k * 6 + 24], self.s[row, k * 6 + 24:k * 6 + 30]


class Res(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, d), nn.Linear(d, d)

    def forward(self, x):
        return x + self.fc2(torch.relu(self.fc1(x))) / math.sqrt(2)


class GlucoseNet(nn.Module):
    def __init__(self, d=32, n_blocks=4):
        super().__init__()
        self.n_blocks = n_blocks
        self.embed = nn.Linear(24, d)
        self.blocks = nn.ModuleList([Res(d) for _ in range(n_blocks)])  # here
        self.out = nn.Linear(d, 6)

    def forward(self, window):
        h = self.embed(window)
        for block in self.blocks[:self.n_blocks - 1]:  # fault
        # fixed: for block in self.blocks[:self.n_blocks]:
            h = block(h)  # here
        return self.out(h)


torch.manual_seed(14)
model = GlucoseNet()
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train_loader = DataLoader(CGM(120, 3), batch_size=48, shuffle=True)
val_loader = DataLoader(CGM(30, 4), batch_size=90)


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(w), f).item() for w, f in val_loader) / len(val_loader)


def train():
    for _ in range(12):
        model.train()
        mae = []
        for w, f in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(w), f)
            loss.backward()
            optimizer.step()
            mae.append(loss.item())
        validate()
    return sum(mae) / len(mae)


if __name__ == "__main__":
    print(train())
