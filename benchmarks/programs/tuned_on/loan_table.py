"""Loan default from four categorical and five numeric columns, entity embeddings.

code: ND203
also: ND601
object: tables | CategoryEncoder | encoder.tables | encoder
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

rng = np.random.RandomState(13)
CARDS = [9, 5, 12, 4]
cats = np.stack([rng.randint(0, c, 1200) for c in CARDS], 1)
nums = rng.randn(1200, 5).astype("float32")
risk = [rng.randn(c) for c in CARDS]
logit = sum(r[cats[:, i]] for i, r in enumerate(risk)) + nums[:, 0] - 0.5 * nums[:, 1]
default = (logit + 0.3 * rng.randn(1200) > np.median(logit)).astype("float32")


class CategoryEncoder(nn.Module):
    def __init__(self, cards, dim=4):
        super().__init__()
        self.tables = []  # fault
        # fixed: self.tables = nn.ModuleList()
        for c in cards:
            self.tables.append(nn.Embedding(c, dim))  # here
        self.width = dim * len(cards)
        self.norm = nn.LayerNorm(self.width)

    def forward(self, idx):
        return self.norm(torch.cat([t(idx[:, i]) for i, t in enumerate(self.tables)], 1))  # here


class LoanNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = CategoryEncoder(CARDS)
        self.mlp = nn.Sequential(nn.Linear(self.encoder.width + 5, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))

    def forward(self, batch_cats, batch_nums):
        return self.mlp(torch.cat([self.encoder(batch_cats), batch_nums], 1)).squeeze(1)


torch.manual_seed(13)
data = TensorDataset(torch.as_tensor(cats), torch.as_tensor(nums), torch.as_tensor(default))
train_part, val_part = random_split(data, [960, 240])
train_loader = DataLoader(train_part, batch_size=64, shuffle=True)
val_loader = DataLoader(val_part, batch_size=240)
model = LoanNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    c, n, y = batch
    return loss_fn(setup.model(c, n), y)


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for c, n, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(c, n), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([((model(c, n) > 0) == (y > 0.5)).float().mean().item() for c, n, y in val_loader])
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
