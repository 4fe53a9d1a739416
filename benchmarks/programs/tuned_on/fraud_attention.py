"""Flags card accounts whose last twelve transactions look stolen, with a small attention encoder.

code: ND301
also:
object: attn | encoder.attn | MultiheadAttention | batch_first
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(3)
ACCOUNTS, LAST, FEATURES = 640, 12, 6


def make_accounts():
    x = torch.randn(ACCOUNTS, LAST, FEATURES)
    y = (torch.rand(ACCOUNTS) < 0.5).long()
    where = torch.randint(0, LAST - 1, (ACCOUNTS,))
    for i in range(ACCOUNTS):
        if y[i]:
            x[i, where[i]: where[i] + 2, :2] += 2.5
    x = (x - x[:480].mean((0, 1))) / x[:480].std((0, 1))
    return x, y


class Encoder(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.lift = nn.Linear(FEATURES, width)
        self.attn = nn.MultiheadAttention(width, 4)  # fault
        # fixed: self.attn = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))
        self.norm2 = nn.LayerNorm(width)

    def forward(self, x):
        h = self.lift(x)
        a, _ = self.attn(h, h, h, need_weights=False)  # here
        h = self.norm1(h + a)
        return self.norm2(h + self.mlp(h))


class FraudNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()  # here
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        return self.head(self.encoder(x).amax(1))


x, y = make_accounts()
train_set = TensorDataset(x[:480], y[:480])
val_set = TensorDataset(x[480:], y[480:])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=64)
model = FraudNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(xb)
        model.eval()
        with torch.no_grad():
            hits = sum((model(xb).argmax(1) == yb).sum().item() for xb, yb in val_loader)
        print(f"epoch {epoch} train {total / len(train_set):.3f} val acc {hits / len(val_set):.3f}")
    return total / len(train_set)


if __name__ == "__main__":
    print(train())
