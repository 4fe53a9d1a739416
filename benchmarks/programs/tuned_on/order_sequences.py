"""Which customer segment placed this sequence of orders? Self-attention with places.

code: ND206
also: ND501, ND303
object: position | OrderEncoder.position
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

ITEMS, LENGTH = 40, 12


class Orders(Dataset):
    """Segments differ in whether cheap items (0-19) come before or after dear ones, and in how mixed they are."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.segment = torch.randint(0, 2, (n,), generator=g)
        cheap = torch.randint(0, 20, (n, LENGTH // 2), generator=g)
        dear = torch.randint(20, ITEMS, (n, LENGTH // 2), generator=g)
        early, late = torch.cat([cheap, dear], 1), torch.cat([dear, cheap], 1)
        self.items = torch.where(self.segment[:, None] == 0, early, late)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i], self.segment[i]


class OrderEncoder(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.item = nn.Embedding(ITEMS, dim)
        self.position = nn.Parameter(torch.randn(LENGTH, dim) * 0.5)  # here
        self.layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(dim, 2)

    def forward(self, items):
        h = self.item(items)  # fault
        # fixed: h = self.item(items) + self.position
        return self.head(self.layer(h).mean(1))


torch.manual_seed(38)
model = OrderEncoder()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train_loader = DataLoader(Orders(600, 1), batch_size=30, shuffle=True)
val_loader = DataLoader(Orders(150, 2), batch_size=75)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for items, segment in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(items), segment)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(i).argmax(1) == s).sum().item() for i, s in val_loader) / 150
        print(epoch, total / len(train_loader), acc)
    return total / len(train_loader)


if __name__ == "__main__":
    train()
