"""Residual MLP blocks over features of dental X-rays (caries score of 6 teeth).

code: ND204
also: ND306
object: blocks.0.norm | blocks.1.norm | blocks.2.norm | norm | ResBlock | blocks
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

WIDTH = 40


class ResBlock(nn.Module):
    def __init__(self, width, norm=nn.BatchNorm1d(WIDTH), p=0.05):  # fault
    # fixed: def __init__(self, width, norm=None, p=0.05):
    # fixed:     norm = norm or nn.BatchNorm1d(width)
        super().__init__()
        self.norm = norm  # here
        self.lin1 = nn.Linear(width, width)
        self.lin2 = nn.Linear(width, width)
        self.drop = nn.Dropout(p)

    def forward(self, x):
        h = self.norm(x)
        h = self.drop(torch.relu(self.lin1(h)))
        return x + self.lin2(h)


class Scorer(nn.Module):
    def __init__(self, n_in=30, teeth=6, depth=3):
        super().__init__()
        self.stem = nn.Linear(n_in, WIDTH)
        self.blocks = nn.Sequential(*[ResBlock(WIDTH) for _ in range(depth)])  # here
        self.head = nn.Linear(WIDTH, teeth)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))


torch.manual_seed(19)
feats = torch.randn(1000, 30)
h = torch.tanh(feats @ torch.randn(30, 12) / 3)
caries = ((h @ torch.randn(12, 6)) + 0.3 * torch.randn(1000, 6) > 0).float()
train_loader = DataLoader(TensorDataset(feats[:800], caries[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(feats[800:], caries[800:]), batch_size=100)
model = Scorer()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(10):
        model.train()
        s = n = 0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            s += loss.item() * len(x)
            n += len(x)
        model.eval()
        with torch.no_grad():
            v = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
    return s / n


if __name__ == "__main__":
    print(train())
