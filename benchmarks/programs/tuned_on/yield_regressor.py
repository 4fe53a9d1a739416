"""Wheat yield of a field from soil, weather and treatment columns; residual MLP.

code: ND203
also: ND601
object: blocks | self.blocks | YieldNet | YieldNet.blocks
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class ResidualBlock(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return x + self.fc2(self.dropout(torch.relu(self.fc1(self.norm(x)))))


class YieldNet(nn.Module):
    def __init__(self, n_features, width=32, n_blocks=3, dropout=0.05):
        super().__init__()
        self.stem = nn.Linear(n_features, width)
        self.blocks = [ResidualBlock(width, dropout) for _ in range(n_blocks)]  # fault
        # fixed: self.blocks = nn.ModuleList([ResidualBlock(width, dropout) for _ in range(n_blocks)])
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:  # here
            x = block(x)
        return self.head(x)


def fields(n, generator):
    x = torch.randn(n, 8, generator=generator)
    rain, heat, nitrogen, ph = x[:, 0], x[:, 1], x[:, 2], x[:, 3]
    y = torch.exp(-0.5 * (rain - 0.5) ** 2) * 2 - 0.5 * torch.relu(heat - 0.5) ** 2 + torch.tanh(nitrogen) * (ph > 0) + 0.3 * x[:, 4]
    return x, (y + 0.1 * torch.randn(n, generator=generator)).unsqueeze(1)


torch.manual_seed(28)
generator = torch.Generator().manual_seed(28)
x, y = fields(1300, generator)
y = (y - y[:1000].mean()) / y[:1000].std()
train_loader = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1000:], y[1000:]), batch_size=300)

model = YieldNet(n_features=8)  # here
loss_fn = nn.SmoothL1Loss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)  # here
print("parameters:", sum(p.numel() for p in model.parameters()))


def train():
    for epoch in range(10):
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
            val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
        print(f"epoch {epoch:2d}  train {total / 1000:.4f}  val {val:.4f}")
    return total / 1000


if __name__ == "__main__":
    print(train())
