"""Will a customer come back? Attention over the things bought lately (sets of unequal size).

code: ND309
also: ND308
object: masked_fill | softmax | score | mask | real | Shopper
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(61)
SLOTS, FEATURES = 6, 5


class Baskets(Dataset):
    def __init__(self, n):
        self.count = torch.randint(0, SLOTS + 1, (n,))
        self.real = torch.arange(SLOTS)[None] < self.count[:, None]
        self.items = torch.randn(n, SLOTS, FEATURES)  # slots past the count hold stale purchases
        best = torch.where(self.real, self.items[..., 0] + self.items[..., 1], torch.tensor(-1.0)).max(1).values
        self.back = (best > 0.9).float()

    def __len__(self):
        return len(self.back)

    def __getitem__(self, i):
        return self.items[i], self.real[i], self.back[i]


class Shopper(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.item = nn.Sequential(nn.Linear(FEATURES, size), nn.ReLU(), nn.Linear(size, size), nn.ReLU())
        self.score = nn.Linear(size, 1)
        self.head = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, 1))

    def forward(self, items, real):
        h = self.item(items)
        s = self.score(h).squeeze(-1)
        s = s.masked_fill(~real, float("-inf"))  # here
        w = torch.softmax(s, dim=1)  # fault
        # fixed: w = torch.softmax(s.masked_fill(~real.any(1, keepdim=True), 0.0), dim=1) * real
        pooled = (w.unsqueeze(-1) * h).sum(1)
        return self.head(pooled).squeeze(-1)


train_loader = DataLoader(Baskets(900), batch_size=45, shuffle=True)
val_loader = DataLoader(Baskets(300), batch_size=100)
model = Shopper()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    items, real, back = batch
    return loss_fn(setup.model(items, real), back)


def train():
    for epoch in range(10):
        model.train()
        for items, real, back in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(items, real), back)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hit = sum(((model(i, r) > 0).float() == b).sum().item() for i, r, b in val_loader)
    print("last loss", loss.item(), "val accuracy", hit / 300)


if __name__ == "__main__":
    train()
