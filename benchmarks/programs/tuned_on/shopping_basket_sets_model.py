"""Guess the household size from a basket of goods: attention pooling over a set.

code: ND309
also: ND308 | ND504
object: attention | scores | masked_fill | softmax | mask | inf | BasketNet
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(19)
MAX_ITEMS = 8


class Baskets(Dataset):
    """Up to eight goods with (price, amount, fresh); a few customers leave with nothing."""

    def __init__(self, n):
        self.count = torch.randint(0, MAX_ITEMS + 1, (n,))
        self.mask = torch.arange(MAX_ITEMS)[None] < self.count[:, None]
        self.goods = torch.randn(n, MAX_ITEMS, 3) * self.mask[..., None]
        best = self.goods[..., 0].masked_fill(~self.mask, -5).max(1).values.clamp(min=0)
        size = best + 0.4 * self.goods[..., 1].sum(1) / self.count.clamp(min=1)
        self.size = (size - size.mean()) / size.std()

    def __len__(self):
        return len(self.size)

    def __getitem__(self, i):
        return self.goods[i], self.mask[i], self.size[i]


class BasketNet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.lift = nn.Sequential(nn.Linear(3, width), nn.ReLU())
        self.attention = nn.Linear(width, 1)
        self.out = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, goods, mask):
        h = self.lift(goods)
        scores = self.attention(h).squeeze(-1)
        scores = scores.masked_fill(~mask, float("-inf"))  # fault
        # fixed: scores = scores.masked_fill(~mask & mask.any(1, keepdim=True), float("-inf"))
        weights = torch.softmax(scores, dim=1)  # here
        return self.out((weights[..., None] * h).sum(1)).squeeze(1)


train_loader = DataLoader(Baskets(1600), batch_size=50, shuffle=True)
val_loader = DataLoader(Baskets(300), batch_size=100)
model = BasketNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    goods, mask, size = batch
    return loss_fn(setup.model(goods, mask), size)


def train():
    for epoch in range(12):
        model.train()
        for goods, mask, size in train_loader:
            optimizer.zero_grad()
            loss_fn(model(goods, mask), size).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse", sum(loss_fn(model(g, m), s).item() for g, m, s in val_loader) / len(val_loader))


if __name__ == "__main__":
    train()
