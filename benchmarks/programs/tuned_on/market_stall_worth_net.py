"""Value of a market stall from the goods on its table; some tables are still empty.

code: ND309
also: ND308 | ND310
object: softmax | masked_fill | AttentionPool | mask
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(71)
SLOTS, FEATURES = 6, 4


def stalls(n):
    goods = torch.randn(n, SLOTS, FEATURES)
    count = torch.randint(0, SLOTS + 1, (n, 1))
    mask = torch.arange(SLOTS) < count
    worth = ((goods[..., 0] + goods[..., 1].abs()) * mask).sum(1) / count[:, 0].clamp(min=1)
    return TensorDataset(goods * mask.unsqueeze(2), mask, worth)


train_loader = DataLoader(stalls(1000), batch_size=50, shuffle=True)
val_loader = DataLoader(stalls(300), batch_size=100)


class AttentionPool(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.score = nn.Linear(width, 1)

    def forward(self, h, mask):
        s = self.score(h).squeeze(2)
        w = s.masked_fill(~mask, float("-inf")).softmax(1)  # fault
        # fixed: w = s.masked_fill(~mask, -1e4).softmax(1) * mask
        return torch.einsum("bs,bsf->bf", w, h)  # here


class Stall(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(FEATURES, width), nn.ReLU())
        self.pool = AttentionPool(width)
        self.out = nn.Linear(width, 1)

    def forward(self, goods, mask):
        return self.out(self.pool(self.each(goods), mask)).squeeze(1)


model = Stall()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    model = getattr(setup, "model", setup)
    goods, mask, worth = batch
    return loss_fn(model(goods, mask), worth)


def train():
    for epoch in range(12):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            batch_loss(model, batch).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("val mse %.3f" % (sum(batch_loss(model, b).item() for b in val_loader) / 3))


if __name__ == "__main__":
    train()
