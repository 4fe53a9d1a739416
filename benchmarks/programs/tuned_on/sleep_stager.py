"""Sleep stages of thirty-second epochs from band powers of three channels.

code: ND203
also: ND601
object: model.blocks | blocks | SleepStager | optimizer
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

STAGES = ["W", "N1", "N2", "N3", "REM"]
CHANNELS, BANDS, SEGMENTS = 3, 5, 6


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.ff = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.att = nn.MultiheadAttention(dim, 4, batch_first=True)
        self.norm2 = nn.LayerNorm(dim)

    def forward(self, x):
        y = self.norm(x)
        x = x + self.att(y, y, y, need_weights=False)[0]
        return x + self.ff(self.norm2(x))


class SleepStager(nn.Module):
    def __init__(self, dim=32, depth=3):
        super().__init__()
        self.stem = nn.Linear(CHANNELS * BANDS, dim)
        self.position = nn.Parameter(torch.randn(1, SEGMENTS, dim) * 0.02)
        self.blocks = [Block(dim) for _ in range(depth)]  # fault
        # fixed: self.blocks = nn.ModuleList([Block(dim) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, len(STAGES))

    def forward(self, x):
        x = self.stem(x) + self.position
        for block in self.blocks:  # here
            x = block(x)
        return self.head(self.norm(x).mean(1))


def night(n, g):
    profile = torch.randn(len(STAGES), CHANNELS * BANDS, generator=torch.Generator().manual_seed(99)) * 0.3
    y = torch.multinomial(torch.tensor([.2, .15, .3, .15, .2]), n, replacement=True, generator=g)
    x = profile[y][:, None] + torch.randn(n, SEGMENTS, CHANNELS * BANDS, generator=g)
    spindle = torch.randint(SEGMENTS, (n,), generator=g)
    rows = torch.nonzero(y == 2).squeeze(1)
    x[rows, spindle[rows], :3] += 2.0
    return TensorDataset(x, y)


g = torch.Generator().manual_seed(0)
torch.manual_seed(0)
train_loader = DataLoader(night(800, g), batch_size=32, shuffle=True)
val_loader = DataLoader(night(200, g), batch_size=100)
model = SleepStager()  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)  # here


def evaluate():
    model.eval()
    ok = 0
    with torch.no_grad():
        for x, y in val_loader:
            ok += (model(x).argmax(1) == y).sum().item()
    return ok / len(val_loader.dataset)


def train(epochs=3):
    print("parameters:", sum(p.numel() for p in model.parameters()))
    for epoch in range(epochs):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, sum(losses) / len(losses), evaluate())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
